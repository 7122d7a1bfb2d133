package plan

import (
	"fmt"
	"strings"
	"testing"
)

func TestHowATrialGoesOn(t *testing.T) {
	const (
		through = "through"
		refused = "the change is refused"
	)
	base := groups("1=Y")
	say := func(p progress, made bool) string {
		switch {
		case !made:
			return refused
		case p.done:
			return through + ", holds " + text(p.applied)
		default:
			return fmt.Sprintf("phase %d, refused %v, gone %v, holds %s", p.isolation.Step, p.isolation.Rejected, p.isolation.Removed, text(p.applied))
		}
	}

	for _, tc := range []struct {
		name              string
		declares, applied string
		isolation         RemovalIsolation
		accepted, refused string // what follows from either answer
	}{
		{
			"a change without stops", "1=Y", "",
			RemovalIsolation{},
			"through, holds 1=Y", refused,
		},
		{
			"a change with stops is sent together, and if refused without them", "1=Y", "2=Y 3=Y",
			RemovalIsolation{},
			"through, holds 1=Y", "phase 1, refused [], gone [], holds 2=Y 3=Y",
		},
		{
			"stops alone follow one by one if they are refused", "", "2=Y 3=Y",
			RemovalIsolation{},
			"through, holds ", "phase 2, refused [], gone [], holds 2=Y 3=Y",
		},
		{
			"a single stop alone counts as removed if it is refused", "", "2=Y",
			RemovalIsolation{},
			"through, holds ", "through, holds ",
		},
		{
			"without its stops, a change is itself to blame if it is refused", "1=Y", "2=Y 3=Y",
			RemovalIsolation{Step: WithoutRemovals},
			"phase 2, refused [], gone [], holds 1=Y 2=Y 3=Y", refused,
		},
		{
			"a single stop was refused by itself, if the same without it is accepted next", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Rest: base, Rejected: []string{"2"}},
			"through, holds 1=Y", refused,
		},
		{
			"but not if it was refused together with another, which is not to be stopped any more", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Rest: base},
			"phase 2, refused [], gone [], holds 1=Y 2=Y", refused,
		},
		{
			"nor if the rest was another one then", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Rest: groups("1=Y 9=Y"), Rejected: []string{"2"}},
			"phase 2, refused [], gone [], holds 1=Y 2=Y", refused,
		},
		{
			"an only stop is remembered as refused by itself", "1=Y", "1=Y 2=Y",
			RemovalIsolation{},
			"through, holds 1=Y", "phase 1, refused [2], gone [], holds 1=Y 2=Y",
		},
		{
			"the next stop follows on either answer, and one that was refused stays on record", "1=Y", "1=Y 2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base},
			"phase 2, refused [], gone [2], holds 1=Y 3=Y", "phase 2, refused [2], gone [], holds 1=Y 2=Y 3=Y",
		},
		{
			"a refused stop is through once the rest is accepted again with another stop", "1=Y", "1=Y 2=Y 3=Y 4=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Rejected: []string{"2"}},
			"phase 2, refused [], gone [2 3], holds 1=Y 4=Y", "phase 2, refused [2 3], gone [], holds 1=Y 2=Y 3=Y 4=Y",
		},
		{
			"the last stop ends it, unless it is refused", "1=Y", "1=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Removed: []string{"2"}},
			"through, holds 1=Y", "phase 2, refused [3], gone [2], holds 1=Y 3=Y",
		},
		{
			"after a last stop that was refused the rest is sent again, and if it is refused now, that is the cause", "1=Y", "1=Y 2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Rejected: []string{"2", "3"}},
			"through, holds 1=Y", refused,
		},
		{
			"what stops were refused beside another rest proves nothing", "1=Y", "2=Y",
			RemovalIsolation{Step: OneRemoval, Rest: groups("1=N"), Rejected: []string{"2"}},
			"phase 2, refused [], gone [], holds 1=Y 2=Y", refused,
		},
		{
			"nor does it when there is no rest left", "", "2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Rejected: []string{"2", "3"}},
			"phase 2, refused [], gone [2], holds 3=Y", "phase 2, refused [], gone [2], holds 3=Y",
		},
		{
			"without a rest there is nothing to send without the stops", "", "2=Y",
			RemovalIsolation{Step: WithoutRemovals},
			"through, holds ", "through, holds ",
		},
		{
			"a stop proves nothing beside a rest that is not known to be accepted, which goes first", "1=Y", "1=N 2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: groups("1=N")},
			"phase 2, refused [], gone [], holds 1=Y 2=Y 3=Y", refused,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inputs := []input{{name: "me", desired: groups(tc.declares), applied: groups(tc.applied), isolation: tc.isolation}}
			call := newRequest(inputs, computeChanges(inputs), 0)
			expect(t, "accepted", say(call.accepted(), true), tc.accepted)
			expect(t, "refused", say(call.rejected()), tc.refused)
		})
	}

	t.Run("a trial shares no memory with the one before", func(t *testing.T) {
		inputs := []input{{
			name: "me", desired: groups("1=Y"), applied: groups("1=Y 2=Y 3=Y 4=Y"),
			isolation: RemovalIsolation{Step: OneRemoval, Rest: base, Removed: append(make([]string, 0, 8), "2")},
		}}
		call := newRequest(inputs, computeChanges(inputs), 0)
		a, b := call.accepted(), call.accepted()
		a.isolation.Removed[1] = "spoiled"
		expect(t, "the other", fmt.Sprint(b.isolation.Removed), "[2 3]")
	})
}

// Each dialogue starts with a mapping that has its groups applied; then some vanish in DeepCall.
func TestARefusedRemovalIsTakenApart(t *testing.T) {
	for _, tc := range []struct {
		name           string
		before, vanish string
		edit           string
		removal        bool
		attempted      string
		asked          []string
		holds          string
		rejected       bool
	}{
		{
			name:   "an edit that drops groups that are there takes one call",
			before: "1=Y 2=Y 3=Y", edit: "1=N",
			asked: []string{"1=N 2=N 3=N"}, holds: "1=N 2=N 3=N",
		},
		{
			name:   "an edit that drops a vanished group is sent without it",
			before: "1=Y 2=Y", vanish: "2", edit: "1=N",
			asked: []string{"1=N 2=N", "1=N"}, holds: "1=N",
		},
		{
			name:   "an edit that drops a vanished group among others stops the others one by one",
			before: "1=Y 2=Y 3=Y 4=Y", vanish: "3", edit: "1=N",
			asked: []string{"1=N 2=N 3=N 4=N", "1=N", "1=N 2=N", "1=N 3=N", "1=N 4=N"},
			holds: "1=N 2=N 4=N",
		},
		{
			name:   "an edit that drops only vanished groups ends",
			before: "1=Y 2=Y 3=Y", vanish: "2 3", edit: "1=Y",
			asked: []string{"1=Y 2=N 3=N", "1=Y", "1=Y 2=N", "1=Y 3=N", "1=Y"},
			holds: "1=Y",
		},
		{
			name:   "an edit that drops everything stops one by one what is there",
			before: "1=Y 2=Y 3=Y", vanish: "1", edit: "",
			asked: []string{"1=N 2=N 3=N", "1=N", "2=N", "3=N"},
			holds: "2=N 3=N",
		},
		{
			name:   "an edit that adds an unknown group is refused, whatever it drops",
			before: "1=Y 2=Y", vanish: "9", edit: "1=Y 9=Y",
			asked: []string{"1=Y 2=N 9=Y", "1=Y 9=Y"}, holds: "1=Y 2=Y", rejected: true,
		},
		{
			name:   "an edit that adds an unknown group and drops nothing is refused at once",
			before: "1=Y", vanish: "9", edit: "1=Y 9=Y",
			asked: []string{"1=Y 9=Y"}, holds: "1=Y", rejected: true,
		},
		{
			name:   "a deletion takes one call when all groups are there",
			before: "1=Y 2=Y", removal: true,
			asked: []string{"1=N 2=N"}, holds: "1=N 2=N",
		},
		{
			name:   "a deletion of a single vanished group ends after one call",
			before: "1=Y", vanish: "1", removal: true,
			asked: []string{"1=N"},
		},
		{
			name:   "a deletion with a vanished group stops the others one by one",
			before: "1=Y 2=Y 3=Y", vanish: "2", removal: true,
			asked: []string{"1=N 2=N 3=N", "1=N", "2=N", "3=N"},
			holds: "1=N 3=N",
		},
		{
			name:   "a deletion of nothing but vanished groups ends",
			before: "1=Y 2=Y", vanish: "1 2", removal: true,
			asked: []string{"1=N 2=N", "1=N", "2=N"},
		},
		{
			name:   "a deletion with an attempted group that never existed stops the others",
			before: "1=Y", vanish: "9", attempted: "9", removal: true,
			asked: []string{"1=N 9=N", "1=N", "9=N"}, holds: "1=N",
		},
	} {
		for _, replaces := range []bool{false, true} {
			t.Run(tc.name+map[bool]string{false: ", where DeepCall merges", true: ", where DeepCall replaces"}[replaces], func(t *testing.T) {
				m := newMapping("me", 1, tc.before)
				a := newAgent(replaces, m)
				if _, err := a.run(1); err != nil {
					t.Fatal(err)
				}
				a.vanish(strings.Fields(tc.vanish)...)
				a.requests = nil
				if tc.attempted != "" {
					m.addPending(strings.Fields(tc.attempted)...)
				}
				if tc.removal {
					m.delete(a.now)
				} else {
					m.edit(tc.edit)
				}
				if _, err := a.run(20); err != nil {
					t.Fatal(err)
				}
				expect(t, "the requests", strings.Join(a.requests, "; "), strings.Join(tc.asked, "; "))
				if rejected := m.isRejected(); rejected != tc.rejected {
					t.Errorf("rejected: %v", rejected)
				}
				if m.gone != tc.removal {
					t.Errorf("gone: %v", m.gone)
				}
				for group, receives := range groups(tc.holds) {
					// What a replacing DeepCall was not told again is off as well.
					if got := a.groups[group]; got != receives {
						t.Errorf("group %s is at %v", group, got)
					}
				}
				if !tc.removal && !tc.rejected {
					expect(t, "the record", text(m.applied()), tc.edit)
				}
			})
		}
	}
}
