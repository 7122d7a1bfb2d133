package plan

import (
	"fmt"
	"testing"
)

func TestRemovalIsolation(t *testing.T) {
	const rejected = "the change is rejected"
	base := groups("1=Y")
	describe := func(p progress, ok bool) string {
		switch {
		case !ok:
			return rejected
		case p.done:
			return "done, applied " + text(p.applied)
		default:
			step := [...]string{"AllRemovals", "WithoutRemovals", "OneRemoval"}[p.isolation.Step]
			return fmt.Sprintf("%s, rejected %v, removed %v, applied %s", step, p.isolation.Rejected, p.isolation.Removed, text(p.applied))
		}
	}

	for _, tc := range []struct {
		name               string
		desired, applied   string
		isolation          RemovalIsolation
		accepted, rejected string // the progress after either answer
	}{
		{
			"is done after a change without removals", "1=Y", "",
			RemovalIsolation{},
			"done, applied 1=Y", rejected,
		},
		{
			"sends the change without removals after a rejection", "1=Y", "2=Y 3=Y",
			RemovalIsolation{},
			"done, applied 1=Y", "WithoutRemovals, rejected [], removed [], applied 2=Y 3=Y",
		},
		{
			"sends removals without a rest one by one after a rejection", "", "2=Y 3=Y",
			RemovalIsolation{},
			"done, applied ", "OneRemoval, rejected [], removed [], applied 2=Y 3=Y",
		},
		{
			"counts a rejected removal as removed that was alone in the request", "", "2=Y",
			RemovalIsolation{},
			"done, applied ", "done, applied ",
		},
		{
			"rejects a change that is rejected without removals", "1=Y", "2=Y 3=Y",
			RemovalIsolation{Step: WithoutRemovals},
			"OneRemoval, rejected [], removed [], applied 1=Y 2=Y 3=Y", rejected,
		},
		{
			"counts an only rejected removal as removed if the rest is accepted next", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Rest: base, Rejected: []string{"2"}},
			"done, applied 1=Y", rejected,
		},
		{
			"counts no removal as removed that was rejected together with another one", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Rest: base},
			"OneRemoval, rejected [], removed [], applied 1=Y 2=Y", rejected,
		},
		{
			"counts no removal as removed that was rejected beside another rest", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Rest: groups("1=Y 9=Y"), Rejected: []string{"2"}},
			"OneRemoval, rejected [], removed [], applied 1=Y 2=Y", rejected,
		},
		{
			"remembers the rejection of an only removal", "1=Y", "1=Y 2=Y",
			RemovalIsolation{},
			"done, applied 1=Y", "WithoutRemovals, rejected [2], removed [], applied 1=Y 2=Y",
		},
		{
			"sends the next removal after either answer, and remembers a rejection", "1=Y", "1=Y 2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base},
			"OneRemoval, rejected [], removed [2], applied 1=Y 3=Y", "OneRemoval, rejected [2], removed [], applied 1=Y 2=Y 3=Y",
		},
		{
			"counts a rejected removal as removed once the rest is accepted with another removal", "1=Y", "1=Y 2=Y 3=Y 4=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Rejected: []string{"2"}},
			"OneRemoval, rejected [], removed [2 3], applied 1=Y 4=Y", "OneRemoval, rejected [2 3], removed [], applied 1=Y 2=Y 3=Y 4=Y",
		},
		{
			"is done after the last removal unless it is rejected", "1=Y", "1=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Removed: []string{"2"}},
			"done, applied 1=Y", "OneRemoval, rejected [3], removed [2], applied 1=Y 3=Y",
		},
		{
			"sends the rest again after the last removal was rejected, and rejects the change if it is rejected now", "1=Y", "1=Y 2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Rejected: []string{"2", "3"}},
			"done, applied 1=Y", rejected,
		},
		{
			"forgets removals that were rejected beside another rest", "1=Y", "2=Y",
			RemovalIsolation{Step: OneRemoval, Rest: groups("1=N"), Rejected: []string{"2"}},
			"OneRemoval, rejected [], removed [], applied 1=Y 2=Y", rejected,
		},
		{
			"forgets removals that were rejected beside a rest that is gone", "", "2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: base, Rejected: []string{"2", "3"}},
			"OneRemoval, rejected [], removed [2], applied 3=Y", "OneRemoval, rejected [], removed [2], applied 3=Y",
		},
		{
			"sends a removal if there is no rest to send without it", "", "2=Y",
			RemovalIsolation{Step: WithoutRemovals},
			"done, applied ", "done, applied ",
		},
		{
			"sends a rest first that is not known to be accepted", "1=Y", "1=N 2=Y 3=Y",
			RemovalIsolation{Step: OneRemoval, Rest: groups("1=N")},
			"OneRemoval, rejected [], removed [], applied 1=Y 2=Y 3=Y", rejected,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inputs := []input{{name: "mapping", desired: groups(tc.desired), applied: groups(tc.applied), isolation: tc.isolation}}
			request := newRequest(inputs, computeChanges(inputs), 0)
			expect(t, "accepted", describe(request.accepted(), true), tc.accepted)
			expect(t, "rejected", describe(request.rejected()), tc.rejected)
		})
	}

	t.Run("shares no memory with the isolation before", func(t *testing.T) {
		inputs := []input{{
			name: "mapping", desired: groups("1=Y"), applied: groups("1=Y 2=Y 3=Y 4=Y"),
			isolation: RemovalIsolation{Step: OneRemoval, Rest: base, Removed: append(make([]string, 0, 8), "2")},
		}}
		request := newRequest(inputs, computeChanges(inputs), 0)
		a, b := request.accepted(), request.accepted()
		a.isolation.Removed[1] = "changed"
		expect(t, "the other", fmt.Sprint(b.isolation.Removed), "[2 3]")
	})
}
