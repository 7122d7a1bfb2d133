package plan

import (
	"strings"
	"testing"
)

func TestIsolateMapping(t *testing.T) {
	for _, tc := range []struct {
		name     string
		vanish   string
		edit     string
		requests string
		rejected string // the mappings that are rejected in the end
		excluded string // the mappings whose applied groups are not carried any more
	}{
		{"rejects the change if the applied groups are accepted", "9", "3=N 9=Y", "1=Y 2=Y 3=N 9=Y; 1=Y 2=Y 3=Y", "c", ""},
		{
			"rejects another mapping without which the rest is accepted", "1", "3=N",
			"1=Y 2=Y 3=N; 1=Y 2=Y 3=Y; 2=Y 3=Y; 2=Y 3=N", "a", "a",
		},
		{"rejects the second of the other mappings", "2", "3=N", "1=Y 2=Y 3=N; 1=Y 2=Y 3=Y; 2=Y 3=Y; 1=Y 3=Y; 1=Y 3=N", "b", "b"},
		{
			"rejects the changed mapping if its own applied groups are at fault", "3", "3=N",
			"1=Y 2=Y 3=N; 1=Y 2=Y 3=Y; 2=Y 3=Y; 1=Y 3=Y; 1=Y 2=Y", "c", "c",
		},
		{
			"rejects several mappings, found by adding one by one", "1 2", "3=N",
			"1=Y 2=Y 3=N; 1=Y 2=Y 3=Y; 2=Y 3=Y; 1=Y 3=Y; 1=Y 2=Y; 1=Y; 2=Y; 3=Y; 3=N", "a b", "a b",
		},
		{
			"keeps the mappings that are accepted while adding one by one", "1 3", "3=N",
			"1=Y 2=Y 3=N; 1=Y 2=Y 3=Y; 2=Y 3=Y; 1=Y 3=Y; 1=Y 2=Y; 1=Y; 2=Y; 2=Y 3=Y", "a c", "a c",
		},
	} {
		eachReading(t, tc.name, func(t *testing.T, a *agent) {
			a.add("a", 1, "1=Y")
			a.add("b", 2, "2=Y")
			edited := a.add("c", 3, "3=Y")
			a.expectRequests(t, "1=Y", "1=Y 2=Y", "1=Y 2=Y 3=Y")
			a.vanish(strings.Fields(tc.vanish)...)
			edited.edit(tc.edit)
			a.expectRequests(t, tc.requests)
			var rejected, excluded []string
			for _, m := range a.mappings {
				if m.isRejected() {
					rejected = append(rejected, m.Name)
				}
				if len(m.applied()) > 0 && m.Status.AppliedEndpoint != endpoint {
					excluded = append(excluded, m.Name)
				}
			}
			expect(t, "rejected", strings.Join(rejected, " "), tc.rejected)
			expect(t, "excluded", strings.Join(excluded, " "), tc.excluded)
		})
	}

	eachReading(t, "carries an excluded mapping again once its own change is accepted", func(t *testing.T, a *agent) {
		one, two := a.add("one", 1, "1=Y 2=Y"), a.add("two", 2, "3=Y")
		a.expectRequests(t, "1=Y 2=Y", "1=Y 2=Y 3=Y")
		a.vanish("1")
		two.edit("3=N")
		a.expectRequests(t, "1=Y 2=Y 3=N", "1=Y 2=Y 3=Y", "3=Y", "3=N")
		one.edit("2=Y")
		a.expectRequests(t, "1=N 2=Y 3=N", "2=Y 3=N")
		two.edit("3=Y")
		a.expectRequests(t, "2=Y 3=Y")
	})

	eachReading(t, "leaves out the mapping itself, too, if its resync is rejected", func(t *testing.T, a *agent) {
		one, _ := a.add("one", 1, "1=Y"), a.add("two", 2, "2=Y")
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		a.vanish("2")
		one.resync(a.now)
		a.expectRequests(t, "1=Y 2=Y", "2=Y", "1=Y", "1=Y")
	})

	eachReading(t, "ends if no carried groups are left", func(t *testing.T, a *agent) {
		one, two := a.add("one", 1, "1=Y"), a.add("two", 2, "2=Y")
		one.orphan()
		a.expectRequests(t, "1=Y", "1=Y 2=Y")
		a.vanish("1")
		a.add("three", 0, "3=Y")
		a.step(answered, nothing) // rejected with the carried groups 1 and 2
		a.step(answered, func() {
			one.delete(a.now)
			two.edit("")
			two.orphan()
			two.Status.AppliedGroups = nil
		})
		a.expectRequests(t, "3=Y")
	})

	t.Run("ends once applied groups change", func(t *testing.T) {
		a := newAgent(false)
		one, two := a.add("one", 1, "1=Y 4=Y"), a.add("two", 2, "2=Y")
		a.expectRequests(t, "1=Y 4=Y", "1=Y 2=Y 4=Y")
		a.vanish("9", "4")
		one.edit("1=Y 9=Y")
		a.step(answered, nothing) // rejected with the removal of group 4
		a.step(answered, nothing) // rejected without it: the isolation begins
		if a.state.Mappings[one.UID].MappingIsolation == nil {
			t.Fatal("the rejection is not being isolated")
		}
		two.edit("2=N")
		two.Status.AppliedGroups = fromGroups(groups("2=N"))
		delete(a.unknown, "9")
		a.step(answered, nothing) // the change itself
		expect(t, "the isolation", a.state.Mappings[one.UID].MappingIsolation, nil)
	})
}

func TestMappingIsolation_concludes_without_suspects(t *testing.T) {
	for step, name := range map[MappingStep]string{AsApplied: "after AsApplied", LeaveOneOut: "after the last suspect of LeaveOneOut"} {
		t.Run(name, func(t *testing.T) {
			inputs := []input{{name: "mapping", desired: groups("90=Y")}}
			isolation := MappingIsolation{Step: step, Suspects: []string{"gone"}}.next(inputs, computeChanges(inputs), false)
			if isolation.Step != Concluded && len(isolation.Suspects) == 0 {
				t.Errorf("it continues with step %d, without suspects", isolation.Step)
			}
		})
	}
}
