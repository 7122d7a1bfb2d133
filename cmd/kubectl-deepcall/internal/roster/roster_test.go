package roster

import (
	"slices"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// line is what matters of an entry: 90 of 7 in asha: receives/declared, in sync or why not.
func line(e Entry) string {
	text := e.AgentID + "@" + e.GroupID + " " + e.Mapping + " " + yesNo(e.Receives) + "/" + yesNo(e.Declared)
	if e.InSync {
		return text + " in sync" + e.Reason + e.Message
	}
	return text + " " + e.Reason
}

func lines(entries []Entry) []string {
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = line(e)
	}
	return texts
}

func expect(t *testing.T, got []Entry, want ...string) {
	t.Helper()
	if texts := lines(got); !slices.Equal(texts, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(texts, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestEachStateOfAMappingIsToldAsItIs(t *testing.T) {
	on, off := v1alpha1.AgentGroup{GroupID: "90", ReceiveCall: true}, v1alpha1.AgentGroup{GroupID: "90"}
	other := v1alpha1.AgentGroup{GroupID: "91", ReceiveCall: true}
	asha := func() *made { return a(testenv.Mapping("asha").Group("90", true)) }
	for _, c := range []struct {
		name    string
		mapping *made
		want    []string
	}{
		{"new and not looked at", asha(), []string{"7@90 asha -/yes Pending"}},
		{"confirmed", asha().synced(), []string{"7@90 asha yes/yes in sync"}},
		{
			"confirmed, and paused for a group", a(testenv.Mapping("asha").Group("90", true).Group("91", false)).synced(),
			[]string{"7@90 asha yes/yes in sync", "7@91 asha no/no in sync"},
		},
		{
			"refused before anything was confirmed", asha().notReady("InvalidAgentID", "DeepCall error 1507: Invalid AgentID"),
			[]string{"7@90 asha -/yes InvalidAgentID"},
		},
		{
			"an edit that nobody has looked at", asha().synced().edited(off, other),
			[]string{"7@90 asha yes/no Pending", "7@91 asha -/yes Pending"},
		},
		{
			"an edit whose last word is of before it", asha().synced().notReady("InvalidGroupData", "old").edited(off),
			[]string{"7@90 asha yes/no Pending"},
		},
		{
			"a refused edit leaves the other groups in sync", asha().synced().edited(on, other).notReady("InvalidGroupData", "DeepCall error 1505"),
			[]string{"7@90 asha yes/yes in sync", "7@91 asha -/yes InvalidGroupData"},
		},
		{
			"a group that is taken out, and not yet stopped", asha().synced().edited().notReady("AccountNotReady", "The account can't be used"),
			[]string{"7@90 asha yes/- AccountNotReady"},
		},
		{
			"a conflict over one of two groups", a(testenv.Mapping("asha").Group("90", true).Group("91", true)).confirmed("91", true).notReady("Conflict", "Another mapping"),
			[]string{"7@90 asha -/yes Conflict", "7@91 asha yes/yes in sync"},
		},
		{
			"suspended with an edit waiting", asha().synced().edited(off).notReady("Suspended", "The mapping is suspended"),
			[]string{"7@90 asha yes/no Suspended"},
		},
		{
			"an answer that was lost casts doubt on every group", asha().synced().edited(on, other).notReady("Timeout", "No answer").uncertain(),
			[]string{"7@90 asha yes/yes Timeout", "7@91 asha -/yes Timeout"},
		},
		{
			"an answer that was lost, and the edit taken back", asha().synced().edited(on).uncertain(),
			[]string{"7@90 asha yes/yes Pending"},
		},
		{
			"refused by now, although it was confirmed before", asha().synced().notReady("InvalidGroupData", "DeepCall error 1505").refusedSince(),
			[]string{"7@90 asha yes/yes InvalidGroupData"},
		},
		{
			"not ready for a reason that shows in no group", asha().synced().notReady("AccountNotPermitted", "The account does not allow it"),
			[]string{"7@90 asha yes/yes AccountNotPermitted"},
		},
		{"being deleted", asha().synced().deleting(), []string{"7@90 asha yes/- Deleting"}},
		{
			"being deleted, and waiting for the account", asha().synced().deleting().notReady("AccountNotReady", "The deletion waits"),
			[]string{"7@90 asha yes/- AccountNotReady"},
		},
		{"an agent of no group", a(testenv.Mapping("asha")).synced(), []string{"7@ asha -/- in sync"}},
		{"an agent of no group, not looked at", a(testenv.Mapping("asha")), []string{"7@ asha -/- Pending"}},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, Of(all(c.mapping), ByGroup, Filter{}), c.want...) })
	}
}

func TestWhatIsInSyncGivesNoReason(t *testing.T) {
	got := Of(all(a(testenv.Mapping("asha").Group("90", true)).synced()), ByGroup, Filter{})[0]
	if got.Reason != "" || got.Message != "" || got.LastSyncTime == nil || !got.LastSyncTime.Equal(noon) {
		t.Errorf("got %+v", got)
	}
	if want := (Account{"support", "acme"}); got.Account != want {
		t.Errorf("got the account %v, want %v", got.Account, want)
	}
}

func team() []v1alpha1.AgentGroupMapping {
	return all(
		a(testenv.Mapping("ben").Agent("10").Group("90", true).Group("9", false)).synced(),
		a(testenv.Mapping("asha").Agent("9").Group("90", false).Group("100", true)).synced(),
		a(testenv.Mapping("elsewhere").Agent("1").AccountIn("apart", "acme").Group("1", true)).synced(),
		a(testenv.Mapping("asha-night").Agent("9").Group("90", true)).notReady("Conflict", "Another mapping"),
		a(testenv.Mapping("cara").Agent("8")).synced(),
	)
}

func TestTheOrderGoesByWhatIsAskedForAndCountsNumbers(t *testing.T) {
	byGroup := []string{
		"1@1 elsewhere yes/yes in sync", // another account's IDs are others
		"10@9 ben no/no in sync", "9@90 asha no/no in sync", "9@90 asha-night -/yes Conflict", "10@90 ben yes/yes in sync",
		"9@100 asha yes/yes in sync", "8@ cara -/- in sync",
	}
	byAgent := []string{
		"1@1 elsewhere yes/yes in sync", "8@ cara -/- in sync",
		"9@90 asha no/no in sync", "9@90 asha-night -/yes Conflict", "9@100 asha yes/yes in sync",
		"10@9 ben no/no in sync", "10@90 ben yes/yes in sync",
	}
	mappings := team()
	for range mappings {
		mappings = append(mappings[1:], mappings[0])
		expect(t, Of(mappings, ByGroup, Filter{}), byGroup...)
		expect(t, Of(mappings, ByAgent, Filter{}), byAgent...)
	}
}

func TestFilters(t *testing.T) {
	expect(t, Of(team(), ByGroup, Filter{Agent: "9"}), "9@90 asha no/no in sync", "9@90 asha-night -/yes Conflict", "9@100 asha yes/yes in sync")
	expect(t, Of(team(), ByGroup, Filter{Agent: "9", Group: "100"}), "9@100 asha yes/yes in sync")
	expect(t, Of(team(), ByGroup, Filter{NotInSync: true}), "9@90 asha-night -/yes Conflict")
	if got := Of(team(), ByGroup, Filter{Agent: "33"}); got == nil || len(got) > 0 {
		t.Errorf("got %v, want an empty list, which JSON shows as []", got)
	}
}
