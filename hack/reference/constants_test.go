package main

import "testing"

func TestTheMeaningOfAConstantIsItsCommentWithoutTheName(t *testing.T) {
	for comment, want := range map[string]string{
		"ReasonUsable: DeepCall accepts the account's calls.":     "DeepCall accepts the account's calls.",
		"ReasonConflict: another mapping holds the group.":        "Another mapping holds the group.",
		"ConditionStalled is true when only a person can help.":   "Is true when only a person can help.",
		"ReasonInvalidCABundle: spec.caBundle holds nothing good": "spec.caBundle holds nothing good",
	} {
		if got := (constant{Comment: comment}).Meaning(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestConstantsThatDoNotBelongToThePagesAreLeftOut(t *testing.T) {
	named, err := constants(api)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Condition", "Finalizer", "Annotation"} {
		if found := like(named, word); len(found) < 2 || len(found) > 3 {
			t.Errorf("%s: found %v", word, found)
		}
	}
	if _, err := constants("templates"); err == nil {
		t.Error("a folder without constants is taken for an API")
	}
}
