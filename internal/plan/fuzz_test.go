package plan

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"
)

// dice reads choices from fuzzed bytes. When they are used up, all choices are 0.
type dice struct{ left []byte }

func (d *dice) roll(sides int) int {
	if len(d.left) == 0 {
		return 0
	}
	n := int(d.left[0])
	d.left = d.left[1:]
	return n % sides
}

func (d *dice) groups(ids string) Groups {
	chosen := Groups{}
	for _, id := range ids {
		switch d.roll(3) {
		case 1:
			chosen[string(id)] = true
		case 2:
			chosen[string(id)] = false
		}
	}
	return chosen
}

// inputs returns one to five inputs with any combination of properties except isolations.
func (d *dice) inputs() []input {
	inputs := make([]input, 1+d.roll(5))
	for i := range inputs {
		in := input{
			name: string(rune('a' + i)), created: day(1 + d.roll(3)), confirmedAt: day(1 + d.roll(4)),
			desired: d.groups("123456"), applied: d.groups("123456"), pendingAdds: slices.Sorted(maps.Keys(d.groups("567"))),
		}
		flags := d.roll(256)
		in.appliedElsewhere, in.unconfirmed, in.orphan, in.resyncDue = flags&1 > 0, flags&2 > 0, flags&4 > 0, flags&32 > 0
		switch {
		case flags&8 > 0:
			in.hold = heldSuspended
		case flags&16 > 0:
			in.hold = heldRejected
		}
		if in.deleting = flags&192 == 192; in.deleting {
			in.desired = nil
		}
		inputs[i] = in
	}
	return inputs
}

func FuzzPlanInvariants(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 1, 1, 2, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0})
	f.Add([]byte("\x04the quick brown fox jumps over the lazy dog, and over many more, until it is tired of it all"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		inputs := (&dice{seed}).inputs()
		changes := computeChanges(inputs)
		expectOrderIndependence(t, inputs, changes)
		expectOneOwnerPerGroup(t, inputs, changes)
		for self := range inputs {
			expectSoundChange(t, inputs, changes, self)
			expectCompleteRequest(t, inputs, changes, self)
			expectNoChangeOnceAccepted(t, inputs, changes, self)
		}
		if t.Failed() {
			t.Logf("the inputs:\n%s", lines(inputs))
		}
	})
}

func expectOrderIndependence(t *testing.T, inputs []input, changes []change) {
	reversed := slices.Clone(inputs)
	slices.Reverse(reversed)
	again := computeChanges(reversed)
	slices.Reverse(again)
	if !reflect.DeepEqual(changes, again) {
		t.Errorf("the changes depend on the order of the inputs:\n%s\n%s", lines(changes), lines(again))
	}
	next, other := nextOf(inputs, changes, false), len(inputs)-1-nextOf(reversed, computeChanges(reversed), false)
	if next != other && (next >= 0 || other != len(inputs)) {
		t.Errorf("the next mapping depends on the order of the inputs: %d or %d", next, other)
	}
}

func expectOneOwnerPerGroup(t *testing.T, inputs []input, changes []change) {
	for _, group := range []string{"1", "2", "3", "4", "5", "6"} {
		declared, owned := 0, 0
		for i := range inputs {
			receives, declares := inputs[i].desired[group]
			desired, owns := changes[i].desired[group]
			conflicts := slices.Contains(changes[i].conflicts, group)
			if declares {
				declared++
			}
			if owns {
				owned++
			}
			if declares != (owns || conflicts) || owns && conflicts || owns && desired != receives {
				t.Errorf("%s: group %s is declared %v, owned %v, in conflict %v", inputs[i].name, group, declares, owns, conflicts)
			}
		}
		if owned != min(declared, 1) {
			t.Errorf("group %s has %d owners, and %d mappings declare it", group, owned, declared)
		}
	}
}

// expectSoundChange expects the change to contain every held group, and each of them once.
func expectSoundChange(t *testing.T, inputs []input, changes []change, self int) {
	in, c := inputs[self], changes[self]
	for group := range in.held() {
		_, desired := c.desired[group]
		_, handedOver := c.handingOver[group]
		removed, takenOver := slices.Contains(c.removals, group), slices.Contains(c.takenOver, group)
		count := 0
		for _, is := range []bool{desired, handedOver, removed, takenOver} {
			if is {
				count++
			}
		}
		if count > 1 || count == 0 && !in.orphan || removed && in.orphan {
			t.Errorf("%s: group %s is desired %v, handed over %v, removed %v, taken over %v", in.name, group, desired, handedOver, removed, takenOver)
		}
		if !handedOver && !takenOver {
			continue
		}
		for i := range inputs {
			if _, owns := changes[i].desired[group]; owns && i != self {
				takenOver = takenOver && inputs[i].hasApplied(group)
				handedOver = handedOver && !inputs[i].hasApplied(group) && inputs[i].canTakeOver()
			}
		}
		if !handedOver && !takenOver {
			t.Errorf("%s: the owner of group %s can't take it over", in.name, group)
		}
	}
	for _, group := range c.removals {
		for i := range inputs {
			if _, owns := changes[i].desired[group]; owns && inputs[i].hasApplied(group) {
				t.Errorf("%s removes group %s, which %s has applied", in.name, group, inputs[i].name)
			}
		}
	}
}

// expectCompleteRequest expects the request to contain the change and the groups that other mappings have applied, so that
// the result is right if DeepCall replaces all groups.
func expectCompleteRequest(t *testing.T, inputs []input, changes []change, self int) {
	c, request := changes[self], newRequest(inputs, changes, self)
	want := c.applied()
	for _, group := range c.removals {
		want[group] = false
	}
	for group, receives := range want {
		if got, has := request.Groups[group]; !has || got != receives {
			t.Errorf("the request for %s has group %s=%v (%v), not %v", inputs[self].name, group, got, has, receives)
		}
	}
	for i := range inputs {
		for group, receives := range inputs[i].appliedHere() {
			if inputs[i].unconfirmed && !inputs[i].suspended() && changes[i].disables(group) {
				receives = false // an answer was lost: it may be disabled already
			}
			got, has := request.Groups[group]
			if i != self && !has && !inputs[self].hasApplied(group) { // or self drops the group
				t.Errorf("the request for %s omits group %s of %s", inputs[self].name, group, inputs[i].name)
			}
			if _, own := want[group]; i != self && !own && got != receives && appliedByOne(inputs, group) {
				t.Errorf("the request for %s changes group %s of %s", inputs[self].name, group, inputs[i].name)
			}
		}
	}
	for group := range request.Groups {
		if _, own := want[group]; !own && !slices.ContainsFunc(inputs, func(in input) bool { return in.hasApplied(group) }) {
			t.Errorf("the request for %s has group %s, which no mapping has applied", inputs[self].name, group)
		}
	}
}

func appliedByOne(inputs []input, group string) bool {
	count := 0
	for _, in := range inputs {
		if in.hasApplied(group) {
			count++
		}
	}
	return count == 1
}

func expectNoChangeOnceAccepted(t *testing.T, inputs []input, changes []change, self int) {
	after := slices.Clone(inputs)
	in := &after[self]
	progress := newRequest(inputs, changes, self).accepted()
	if !progress.done || progress.isolation.Step != AllRemovals {
		t.Fatalf("%s is not done once its request is accepted: %+v", in.name, progress)
	}
	in.applied, in.pendingAdds, in.confirmedAt, in.appliedElsewhere, in.unconfirmed = progress.applied, nil, day(9), false, false
	for group := range changes[self].handingOver {
		if _, declared := in.desired[group]; declared {
			return // two mappings have applied the group: self owns it now, and can have another change
		}
	}
	again := computeChanges(after)[self]
	if again.pending || !maps.Equal(again.applied(), changes[self].applied()) {
		t.Errorf("%s: %q, and once that is accepted %q", in.name, describe(changes[self]), describe(again))
	}
	if adds := adds(*in, again); len(adds) > 0 {
		t.Errorf("%s still adds %v", in.name, adds)
	}
}

// FuzzAcceptedRequestsConverge expects an agent to need no more requests after a few that DeepCall accepts.
func FuzzAcceptedRequestsConverge(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x03and the lazy dog sleeps on, under the tree behind the house, until the fox comes back for more of it"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		inputs := (&dice{seed}).inputs()
		for requests := 0; ; requests++ {
			changes := computeChanges(inputs)
			for i := range inputs { // as the reconciler does without a request
				if changes[i].statusOnly {
					inputs[i].applied = changes[i].applied()
				}
				inputs[i].applied = maps.Clone(inputs[i].applied)
				maps.DeleteFunc(inputs[i].applied, func(group string, _ bool) bool { return slices.Contains(changes[i].takenOver, group) })
			}
			changes = computeChanges(inputs)
			next := nextOf(inputs, changes, false)
			if next < 0 {
				return
			}
			if requests > 2*len(inputs)+1 {
				t.Fatalf("request %d for %s: %q\n%s", requests, inputs[next].name, describe(changes[next]), lines(inputs))
			}
			in := &inputs[next]
			in.applied, in.pendingAdds = newRequest(inputs, changes, next).accepted().applied, nil
			in.confirmedAt = day(9).Add(time.Duration(requests) * time.Hour)
			in.appliedElsewhere, in.unconfirmed, in.resyncDue = false, false, false
		}
	})
}
