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
			step := [...]string{"AllRemovals", "WithoutRemovals", "SomeRemovals"}[p.isolation.Step]
			if p.isolation.Suspects > 0 {
				step += fmt.Sprintf(" %d of %d", p.isolation.Batch, p.isolation.Suspects)
			} else {
				step += fmt.Sprintf(" %d", p.isolation.Batch)
			}
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
			"done, applied 1=Y", "WithoutRemovals 1 of 2, rejected [], removed [], applied 2=Y 3=Y",
		},
		{
			"sends half of the removals after a rejection, without a rest", "", "2=Y 3=Y",
			RemovalIsolation{},
			"done, applied ", "WithoutRemovals 1 of 2, rejected [], removed [], applied 2=Y 3=Y",
		},
		{
			"counts a rejected removal as removed that was alone in the request", "", "2=Y",
			RemovalIsolation{},
			"done, applied ", "done, applied ",
		},
		{
			"rejects a change that is rejected without removals", "1=Y", "2=Y 3=Y",
			RemovalIsolation{Step: WithoutRemovals, Batch: 1},
			"SomeRemovals 1, rejected [], removed [], applied 1=Y 2=Y 3=Y", rejected,
		},
		{
			"counts an only rejected removal as removed if the rest is accepted next", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Batch: 1, Rest: base, Rejected: []string{"2"}},
			"done, applied 1=Y", rejected,
		},
		{
			"counts no removal as removed that was rejected together with another one", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Batch: 1, Rest: base},
			"SomeRemovals 1, rejected [], removed [], applied 1=Y 2=Y", rejected,
		},
		{
			"counts no removal as removed that was rejected beside another rest", "1=Y", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Batch: 1, Rest: groups("1=Y 9=Y"), Rejected: []string{"2"}},
			"SomeRemovals 1, rejected [], removed [], applied 1=Y 2=Y", rejected,
		},
		{
			"remembers the rejection of an only removal", "1=Y", "1=Y 2=Y",
			RemovalIsolation{},
			"done, applied 1=Y", "WithoutRemovals 1 of 1, rejected [2], removed [], applied 1=Y 2=Y",
		},
		{
			"sends half of a rejected batch next, or half of its rest once the first half is accepted", "", "1=Y 2=Y 3=Y 4=Y 5=Y 6=Y 7=Y 8=Y 9=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 4, Suspects: 9},
			"SomeRemovals 2 of 5, rejected [], removed [1 2 3 4], applied 5=Y 6=Y 7=Y 8=Y 9=Y", "SomeRemovals 2 of 4, rejected [], removed [], applied 1=Y 2=Y 3=Y 4=Y 5=Y 6=Y 7=Y 8=Y 9=Y",
		},
		{
			"doubles the batch once all removals are accepted that were rejected together", "", "1=Y 2=Y 3=Y 4=Y 5=Y 6=Y 7=Y 8=Y 9=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 2, Suspects: 1},
			"SomeRemovals 4, rejected [], removed [1 2], applied 3=Y 4=Y 5=Y 6=Y 7=Y 8=Y 9=Y", "SomeRemovals 1 of 2, rejected [], removed [], applied 1=Y 2=Y 3=Y 4=Y 5=Y 6=Y 7=Y 8=Y 9=Y",
		},
		{
			"sends one removal next after one was rejected alone", "1=Y", "1=Y 2=Y 3=Y 4=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Suspects: 3, Rest: base},
			"SomeRemovals 1 of 2, rejected [], removed [2], applied 1=Y 3=Y 4=Y", "SomeRemovals 1 of 1, rejected [2], removed [], applied 1=Y 2=Y 3=Y 4=Y",
		},
		{
			"keeps the batch while another rest is sent alone", "1=Y", "1=Y 2=Y 3=Y 4=Y 5=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 2, Suspects: 4, Rest: groups("1=N")},
			"SomeRemovals 2 of 4, rejected [], removed [], applied 1=Y 2=Y 3=Y 4=Y 5=Y", rejected,
		},
		{
			"counts no batch as removed that is rejected, also without a rest", "", "1=Y 2=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 2},
			"done, applied ", "SomeRemovals 1 of 2, rejected [], removed [], applied 1=Y 2=Y",
		},
		{
			"sends the next removal after either answer, and remembers a rejection", "1=Y", "1=Y 2=Y 3=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: base},
			"SomeRemovals 2, rejected [], removed [2], applied 1=Y 3=Y", "SomeRemovals 1 of 1, rejected [2], removed [], applied 1=Y 2=Y 3=Y",
		},
		{
			"counts a rejected removal as removed once the rest is accepted with another removal", "1=Y", "1=Y 2=Y 3=Y 4=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: base, Rejected: []string{"2"}},
			"SomeRemovals 2, rejected [], removed [2 3], applied 1=Y 4=Y", "SomeRemovals 1 of 1, rejected [2 3], removed [], applied 1=Y 2=Y 3=Y 4=Y",
		},
		{
			"is done after the last removal unless it is rejected", "1=Y", "1=Y 3=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: base, Removed: []string{"2"}},
			"done, applied 1=Y", "SomeRemovals 1 of 1, rejected [3], removed [2], applied 1=Y 3=Y",
		},
		{
			"sends the rest again after the last removal was rejected, and rejects the change if it is rejected now", "1=Y", "1=Y 2=Y 3=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: base, Rejected: []string{"2", "3"}},
			"done, applied 1=Y", rejected,
		},
		{
			"forgets removals that were rejected beside another rest", "1=Y", "2=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("1=N"), Rejected: []string{"2"}},
			"SomeRemovals 1, rejected [], removed [], applied 1=Y 2=Y", rejected,
		},
		{
			"forgets removals that were rejected beside a rest that is gone", "", "2=Y 3=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: base, Rejected: []string{"2", "3"}},
			"SomeRemovals 2, rejected [], removed [2], applied 3=Y", "SomeRemovals 1 of 1, rejected [], removed [2], applied 3=Y",
		},
		{
			"sends a removal if there is no rest to send without it", "", "2=Y",
			RemovalIsolation{Step: WithoutRemovals, Batch: 1},
			"done, applied ", "done, applied ",
		},
		{
			"sends a rest first that is not known to be accepted", "1=Y", "1=N 2=Y 3=Y",
			RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: groups("1=N")},
			"SomeRemovals 1, rejected [], removed [], applied 1=Y 2=Y 3=Y", rejected,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inputs := []input{inputOf("mapping", tc.desired, tc.applied, isolating(tc.isolation))}
			request := newRequest(inputs, computeChanges(inputs), 0)
			expect(t, "accepted", describe(request.accepted(), true), tc.accepted)
			expect(t, "rejected", describe(request.rejected()), tc.rejected)
		})
	}

	t.Run("shares no memory with the isolation before", func(t *testing.T) {
		isolation := RemovalIsolation{Step: SomeRemovals, Batch: 1, Rest: base, Removed: append(make([]string, 0, 8), "2")}
		inputs := []input{inputOf("mapping", "1=Y", "1=Y 2=Y 3=Y 4=Y", isolating(isolation))}
		request := newRequest(inputs, computeChanges(inputs), 0)
		a, b := request.accepted(), request.accepted()
		a.isolation.Removed[1] = "changed"
		expect(t, "the other", fmt.Sprint(b.isolation.Removed), "[2 3]")
	})
}
