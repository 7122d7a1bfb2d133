package plan

import (
	"fmt"
	"strings"
	"testing"
)

func TestHowATrialGoesOn(t *testing.T) {
	together, without, one := Trial{}, Trial{Phase: WithoutStops}, Trial{Phase: OneStop}
	after := func(gone ...string) Trial { return Trial{Phase: OneStop, Gone: gone} }
	const refused = "the change is refused"
	say := func(trial Trial, taken bool) string {
		if !taken {
			return refused
		}
		return fmt.Sprintf("%v", trial)
	}

	for _, tc := range []struct {
		name   string
		trial  Trial
		stops  string
		others int
		want   string
	}{
		{"a refused change without stops is itself to blame", together, "", 2, refused},
		{"a refused change with stops is tried without them", together, "1 2", 1, say(without, true)},
		{"a refused change with a single stop is tried without it", together, "1", 1, say(without, true)},
		{"several stops that were refused alone are tried one by one", together, "1 2", 0, say(one, true)},
		{"a single stop that was refused alone counts as removed", together, "1", 0, say(after("1"), true)},
		{"a change refused without its stops is itself to blame", without, "1 2", 1, refused},
		{"a stop refused by itself counts as removed", one, "1 2", 1, say(after("1"), true)},
		{"so does the next one", after("1"), "2", 1, say(after("1", "2"), true)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			trial, taken := tc.trial.Refused(strings.Fields(tc.stops), tc.others)
			expect(t, "the trial", say(trial, taken), tc.want)
		})
	}

	for _, tc := range []struct {
		name, stops string
		trial       Trial
		want        Trial
	}{
		{"once the rest is accepted, the stops follow one by one", "1 2", without, one},
		{"once the rest is accepted, a single stop was to blame by itself", "1", without, after("1")},
		{"an accepted stop is through", "1 2", one, after("1")},
		{"so is the next one", "2 3", after("1"), after("1", "2")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, "the trial", fmt.Sprint(tc.trial.Accepted(strings.Fields(tc.stops))), fmt.Sprint(tc.want))
		})
	}

	for _, tc := range []struct {
		name, stops   string
		trial         Trial
		sent          int
		through, done bool
	}{
		{"together all stops are sent, and acceptance completes the change", "1 2", together, 2, true, false},
		{"without stops to send, acceptance completes the change", "", together, 0, true, false},
		{"a request without its stops completes nothing", "1 2", without, 0, false, false},
		{"one stop of several completes nothing", "1 2", one, 1, false, false},
		{"the last stop completes the change", "2", after("1"), 1, true, false},
		{"when all stops are through, the trial is done", "1 2", after("1", "2"), 1, false, true},
		{"while one stop is left, it is not", "1 2", after("1"), 1, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stops := strings.Fields(tc.stops)
			if got := tc.trial.Stops(stops); got != tc.sent {
				t.Errorf("sends %d stops", got)
			}
			if got := tc.trial.Through(stops); got != tc.through {
				t.Errorf("through: %v", got)
			}
			if got := tc.trial.Done(stops); got != tc.done {
				t.Errorf("done: %v", got)
			}
		})
	}

	t.Run("a trial shares no memory with the one before", func(t *testing.T) {
		first := Trial{Phase: OneStop, Gone: append(make([]string, 0, 8), "1")}
		a, b := first.Accepted([]string{"2"}), first.Accepted([]string{"3"})
		expect(t, "the trials", fmt.Sprint(a.Gone, b.Gone), "[1 2] [1 3]")
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
			asked: []string{"1=Y 2=N 3=N", "1=Y", "1=Y 2=N", "1=Y 3=N"},
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
				a.asked, m.Attempted = nil, strings.Fields(tc.attempted)
				if tc.removal {
					m.remove()
				} else {
					m.edit(tc.edit)
				}
				if _, err := a.run(20); err != nil {
					t.Fatal(err)
				}
				expect(t, "the requests", strings.Join(a.asked, "; "), strings.Join(tc.asked, "; "))
				if rejected := m.refused == m.generation; rejected != tc.rejected {
					t.Errorf("rejected: %v", rejected)
				}
				if m.gone != tc.removal {
					t.Errorf("gone: %v", m.gone)
				}
				for group, receives := range groups(tc.holds) {
					// What a replacing DeepCall was not told again is off as well.
					if got := a.holds[group]; got != receives {
						t.Errorf("group %s is at %v", group, got)
					}
				}
				if !tc.removal && !tc.rejected {
					expect(t, "the record", text(m.Applied), tc.edit)
				}
			})
		}
	}
}
