package main

import "testing"

func TestConstant_Meaning_is_the_comment_without_the_name(t *testing.T) {
	for comment, want := range map[string]string{
		"ReasonUsable: DeepCall accepts the account's requests.":  "DeepCall accepts the account's requests.",
		"ReasonConflict: another mapping owns the group.":         "Another mapping owns the group.",
		"ConditionReady reports whether the mapping is in sync.":  "Reports whether the mapping is in sync.",
		"ReasonInvalidCABundle: spec.caBundle has no certificate": "spec.caBundle has no certificate",
	} {
		if got := (constant{Comment: comment}).Meaning(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseConstants_finds_those_of_the_pages(t *testing.T) {
	constants, err := parseConstants(api)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Condition", "Finalizer", "Annotation"} {
		if found := selectConstants(constants, word); len(found) < 2 || len(found) > 4 {
			t.Errorf("%s: found %v", word, found)
		}
	}
	if _, err := parseConstants("templates"); err == nil {
		t.Error("a folder without constants is not an error")
	}
}
