package roster

import (
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// format formats an entry as AGENT@GROUP MAPPING RECEIVES/DECLARED, followed by "in sync" or the reason.
func format(e Entry) string {
	text := e.AgentID + "@" + e.GroupID + " " + e.Mapping + " " + text.YesNo(e.Receives) + "/" + text.YesNo(e.Declared)
	if e.InSync {
		return text + " in sync" + e.Reason + e.Message
	}
	return text + " " + e.Reason
}

func expect(t *testing.T, got []Entry, want ...string) {
	t.Helper()
	texts := make([]string, len(got))
	for i, e := range got {
		texts[i] = format(e)
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(texts, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestEntriesOfAMapping(t *testing.T) {
	on, off := v1alpha1.AgentGroup{GroupID: "90", ReceiveCall: true}, v1alpha1.AgentGroup{GroupID: "90"}
	other := v1alpha1.AgentGroup{GroupID: "91", ReceiveCall: true}
	asha := func() *builder { return withStatus(testenv.Mapping("asha").Group("90", true)) }
	for _, c := range []struct {
		name    string
		mapping *builder
		want    []string
	}{
		{"not reconciled yet", asha(), []string{"7@90 asha -/yes Pending"}},
		{"confirmed", asha().synced(), []string{"7@90 asha yes/yes in sync"}},
		{
			"confirmed with receiveCall false", withStatus(testenv.Mapping("asha").Group("90", true).Group("91", false)).synced(),
			[]string{"7@90 asha yes/yes in sync", "7@91 asha no/no in sync"},
		},
		{
			"rejected before anything was confirmed", asha().notReady("InvalidAgentID", "DeepCall error 1507: Invalid AgentID"),
			[]string{"7@90 asha -/yes InvalidAgentID"},
		},
		{
			"edited and not reconciled yet", asha().synced().edited(off, other),
			[]string{"7@90 asha yes/no Pending", "7@91 asha -/yes Pending"},
		},
		{
			"edited after it was rejected", asha().synced().notReady("InvalidGroupData", "old").edited(off),
			[]string{"7@90 asha yes/no Pending"},
		},
		{
			"a rejected edit keeps the other groups in sync", asha().synced().edited(on, other).notReady("InvalidGroupData", "DeepCall error 1505"),
			[]string{"7@90 asha yes/yes in sync", "7@91 asha -/yes InvalidGroupData"},
		},
		{
			"a group whose removal is pending", asha().synced().edited().notReady("AccountNotReady", "The account can't be used"),
			[]string{"7@90 asha yes/- AccountNotReady"},
		},
		{
			"a conflict about one of two groups", withStatus(testenv.Mapping("asha").Group("90", true).Group("91", true)).confirmed("91", true).notReady("Conflict", "Another mapping"),
			[]string{"7@90 asha -/yes Conflict", "7@91 asha yes/yes in sync"},
		},
		{
			"suspended with a pending edit", asha().synced().edited(off).notReady("Suspended", "The mapping is suspended"),
			[]string{"7@90 asha yes/no Suspended"},
		},
		{
			"a lost response invalidates every group", asha().synced().edited(on, other).notReady("Timeout", "No answer").uncertain(),
			[]string{"7@90 asha yes/yes Timeout", "7@91 asha -/yes Timeout"},
		},
		{
			"a lost response after which the edit was reverted", asha().synced().edited(on).uncertain(),
			[]string{"7@90 asha yes/yes Pending"},
		},
		{
			"rejected after it was confirmed", asha().synced().notReady("InvalidGroupData", "DeepCall error 1505").nowRejected(),
			[]string{"7@90 asha yes/yes InvalidGroupData"},
		},
		{
			"not Ready although all groups are confirmed", asha().synced().notReady("AccountNotPermitted", "The account does not allow it"),
			[]string{"7@90 asha yes/yes AccountNotPermitted"},
		},
		{"being deleted", asha().synced().deleting(), []string{"7@90 asha yes/- Deleting"}},
		{
			"being deleted while the account is not ready", asha().synced().deleting().notReady("AccountNotReady", "The deletion waits"),
			[]string{"7@90 asha yes/- AccountNotReady"},
		},
		{"with a copied status", asha().synced().notReady("InvalidGroupData", "of another mapping").copied(), []string{"7@90 asha -/yes Pending"}},
		{"an agent without groups", withStatus(testenv.Mapping("asha")).synced(), []string{"7@ asha -/- in sync"}},
		{"an agent without groups, not reconciled yet", withStatus(testenv.Mapping("asha")), []string{"7@ asha -/- Pending"}},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, Entries(mappings(c.mapping), ByGroup, Filter{}), c.want...) })
	}
}

func TestEntriesInSyncHaveNoReason(t *testing.T) {
	got := Entries(mappings(withStatus(testenv.Mapping("asha").Group("90", true)).synced()), ByGroup, Filter{})[0]
	if got.Reason != "" || got.Message != "" || got.LastSyncTime == nil || !got.LastSyncTime.Equal(noon) {
		t.Errorf("got %+v", got)
	}
	if want := (Account{"support", "acme"}); got.Account != want {
		t.Errorf("got the account %v, want %v", got.Account, want)
	}
}

func team() []*v1alpha1.AgentGroupMapping {
	return mappings(
		withStatus(testenv.Mapping("ben").Agent("10").Group("90", true).Group("9", false)).synced(),
		withStatus(testenv.Mapping("asha").Agent("9").Group("90", false).Group("100", true)).synced(),
		withStatus(testenv.Mapping("elsewhere").Agent("1").AccountIn("apart", "acme").Group("1", true)).synced(),
		withStatus(testenv.Mapping("asha-night").Agent("9").Group("90", true)).notReady("Conflict", "Another mapping"),
		withStatus(testenv.Mapping("cara").Agent("8")).synced(),
	)
}

func TestEntriesAreSorted(t *testing.T) {
	byGroup := []string{
		"1@1 elsewhere yes/yes in sync", // another account
		"10@9 ben no/no in sync", "9@90 asha no/no in sync", "9@90 asha-night -/yes Conflict", "10@90 ben yes/yes in sync",
		"9@100 asha yes/yes in sync", "8@ cara -/- in sync",
	}
	byAgent := []string{
		"1@1 elsewhere yes/yes in sync", "8@ cara -/- in sync",
		"9@90 asha no/no in sync", "9@90 asha-night -/yes Conflict", "9@100 asha yes/yes in sync",
		"10@9 ben no/no in sync", "10@90 ben yes/yes in sync",
	}
	input := team()
	for range input {
		input = append(input[1:], input[0])
		expect(t, Entries(input, ByGroup, Filter{}), byGroup...)
		expect(t, Entries(input, ByAgent, Filter{}), byAgent...)
	}
}

func TestFilter(t *testing.T) {
	expect(t, Entries(team(), ByGroup, Filter{Agent: "9"}), "9@90 asha no/no in sync", "9@90 asha-night -/yes Conflict", "9@100 asha yes/yes in sync")
	expect(t, Entries(team(), ByGroup, Filter{Agent: "9", Group: "100"}), "9@100 asha yes/yes in sync")
	expect(t, Entries(team(), ByGroup, Filter{NotInSync: true}), "9@90 asha-night -/yes Conflict")
	if got := Entries(team(), ByGroup, Filter{Agent: "33"}); got == nil || len(got) > 0 {
		t.Errorf("got %v, want an empty list, which JSON shows as []", got)
	}
}
