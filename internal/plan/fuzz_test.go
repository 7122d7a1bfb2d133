package plan

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// dice reads choices from fuzzed bytes; when they are used up, all choices are 0.
type dice struct{ left []byte }

func (d *dice) roll(sides int) int {
	if len(d.left) == 0 {
		return 0
	}
	n := int(d.left[0])
	d.left = d.left[1:]
	return n % sides
}

func (d *dice) groups(names string) Groups {
	chosen := Groups{}
	for _, name := range names {
		switch d.roll(3) {
		case 1:
			chosen[string(name)] = true
		case 2:
			chosen[string(name)] = false
		}
	}
	return chosen
}

// inputs are up to five, with all that can be said of them but trials, in any combination.
func (d *dice) inputs() []input {
	inputs := make([]input, 1+d.roll(5))
	for i := range inputs {
		s := input{
			name: string(rune('a' + i)), created: day(1 + d.roll(3)), confirmedAt: day(1 + d.roll(4)),
			desired: d.groups("123456"), applied: d.groups("123456"), pendingAdds: slices.Sorted(maps.Keys(d.groups("567"))),
		}
		flags := d.roll(256)
		s.appliedElsewhere, s.unconfirmed, s.orphan, s.resyncDue = flags&1 > 0, flags&2 > 0, flags&4 > 0, flags&32 > 0
		switch {
		case flags&8 > 0:
			s.hold = heldSuspended
		case flags&16 > 0:
			s.hold = heldRejected
		}
		if s.deleting = flags&192 == 192; s.deleting {
			s.desired = nil
		}
		inputs[i] = s
	}
	return inputs
}

func FuzzAPlanKeepsItsPromises(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 1, 1, 2, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0})
	f.Add([]byte("\x04the quick brown fox jumps over the lazy dog, and over many more, until it is tired of it all"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		inputs := (&dice{seed}).inputs()
		changes := computeChanges(inputs)
		expectOneAnswerInAnyOrder(t, inputs, changes)
		expectOneOwnerPerGroup(t, inputs, changes)
		for self := range inputs {
			expectSoundChange(t, inputs, changes, self)
			expectWholeRequest(t, inputs, changes, self)
			expectStillOnceAccepted(t, inputs, changes, self)
		}
		if t.Failed() {
			t.Logf("the inputs:\n%s", lines(inputs))
		}
	})
}

func expectOneAnswerInAnyOrder(t *testing.T, inputs []input, changes []change) {
	reversed := slices.Clone(inputs)
	slices.Reverse(reversed)
	again := computeChanges(reversed)
	slices.Reverse(again)
	if !reflect.DeepEqual(changes, again) {
		t.Errorf("the order of the inputs matters:\n%s\n%s", lines(changes), lines(again))
	}
	next, other := nextOf(inputs, changes, false), len(inputs)-1-nextOf(reversed, computeChanges(reversed), false)
	if next != other && (next >= 0 || other != len(inputs)) {
		t.Errorf("whose turn it is depends on the order: %d or %d", next, other)
	}
}

func expectOneOwnerPerGroup(t *testing.T, inputs []input, changes []change) {
	for _, group := range []string{"1", "2", "3", "4", "5", "6"} {
		declared, owned := 0, 0
		for i := range inputs {
			receives, declares := inputs[i].desired[group]
			target, owns := changes[i].desired[group]
			yields := slices.Contains(changes[i].conflicts, group)
			if declares {
				declared++
			}
			if owns {
				owned++
			}
			if declares != (owns || yields) || owns && yields || owns && target != receives {
				t.Errorf("%s declares group %s %v, owns it %v, yields it %v", inputs[i].name, group, declares, owns, yields)
			}
		}
		if owned != min(declared, 1) {
			t.Errorf("group %s has %d owners, and is declared by %d", group, owned, declared)
		}
	}
}

// expectSoundChange holds that each group has one fate, and that every group held is accounted for.
func expectSoundChange(t *testing.T, inputs []input, changes []change, self int) {
	s, c := inputs[self], changes[self]
	for group := range s.held() {
		_, target := c.desired[group]
		_, kept := c.handingOver[group]
		stopped, lost := slices.Contains(c.removals, group), slices.Contains(c.takenOver, group)
		fates := 0
		for _, fate := range []bool{target, kept, stopped, lost} {
			if fate {
				fates++
			}
		}
		if fates > 1 || fates == 0 && !s.orphan || stopped && s.orphan {
			t.Errorf("%s: group %s is target %v, kept %v, stopped %v, lost %v", s.name, group, target, kept, stopped, lost)
		}
		if !kept && !lost {
			continue
		}
		for i := range inputs {
			if _, owns := changes[i].desired[group]; owns && i != self {
				lost = lost && inputs[i].hasApplied(group)
				kept = kept && !inputs[i].hasApplied(group) && inputs[i].canTakeOver()
			}
		}
		if !kept && !lost {
			t.Errorf("%s: group %s is left to nobody", s.name, group)
		}
	}
	for _, group := range c.removals {
		for i := range inputs {
			if _, owns := changes[i].desired[group]; owns && inputs[i].hasApplied(group) {
				t.Errorf("%s stops group %s, which %s has", s.name, group, inputs[i].name)
			}
		}
	}
}

// expectWholeRequest holds that a request carries the change, and everything that others hold, so that
// DeepCall comes out right if it takes a request for the whole truth.
func expectWholeRequest(t *testing.T, inputs []input, changes []change, self int) {
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
			if i != self && !has && !inputs[self].hasApplied(group) { // or it lets go of the group itself
				t.Errorf("the request for %s leaves out group %s of %s", inputs[self].name, group, inputs[i].name)
			}
			if _, own := want[group]; i != self && !own && got != receives && onlyOneHas(inputs, group) {
				t.Errorf("the request for %s changes group %s of %s", inputs[self].name, group, inputs[i].name)
			}
		}
	}
	for group := range request.Groups {
		if _, own := want[group]; !own && !slices.ContainsFunc(inputs, func(s input) bool { return s.hasApplied(group) }) {
			t.Errorf("the request for %s has group %s, which nobody holds", inputs[self].name, group)
		}
	}
}

func onlyOneHas(inputs []input, group string) bool {
	holders := 0
	for _, s := range inputs {
		if s.hasApplied(group) {
			holders++
		}
	}
	return holders == 1
}

func expectStillOnceAccepted(t *testing.T, inputs []input, changes []change, self int) {
	after := slices.Clone(inputs)
	s := &after[self]
	progress := newRequest(inputs, changes, self).accepted()
	if !progress.done || progress.isolation.Step != AllRemovals {
		t.Fatalf("%s is not through, once all of it is accepted: %+v", s.name, progress)
	}
	s.applied, s.pendingAdds, s.confirmedAt, s.appliedElsewhere, s.unconfirmed = progress.applied, nil, day(9), false, false
	for group := range changes[self].handingOver {
		if _, declared := s.desired[group]; declared {
			return // of two on record, it holds the group now, and may have more to say of it
		}
	}
	again := computeChanges(after)[self]
	if again.pending || !maps.Equal(again.applied(), changes[self].applied()) {
		t.Errorf("%s: %q, and once that is accepted %q", s.name, describe(changes[self]), describe(again))
	}
	if adds := adds(*s, again); len(adds) > 0 {
		t.Errorf("%s still adds %v", s.name, adds)
	}
}

// When DeepCall accepts everything, an agent comes to rest, whatever its inputs were.
func FuzzAcceptedCallsComeToAnEnd(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x03and the lazy dog sleeps on, under the tree behind the house, until the fox comes back for more of it"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		inputs := (&dice{seed}).inputs()
		for calls := 0; ; calls++ {
			changes := computeChanges(inputs)
			for i := range inputs { // as the reconciler reports what needs no call
				if changes[i].statusOnly {
					inputs[i].applied = changes[i].applied()
				}
				inputs[i].applied = minus(inputs[i].applied, changes[i].takenOver)
			}
			changes = computeChanges(inputs)
			next := nextOf(inputs, changes, false)
			if next < 0 {
				return
			}
			if calls > 2*len(inputs)+1 {
				t.Fatalf("call %d: for %s %q\n%s", calls, inputs[next].name, describe(changes[next]), lines(inputs))
			}
			s := &inputs[next]
			s.applied, s.pendingAdds, s.confirmedAt = newRequest(inputs, changes, next).accepted().applied, nil, day(9).Add(time.Duration(calls)*time.Hour)
			s.appliedElsewhere, s.unconfirmed, s.resyncDue = false, false, false
		}
	})
}

func minus(groups Groups, some []string) Groups {
	left := maps.Clone(groups)
	maps.DeleteFunc(left, func(group string, _ bool) bool { return slices.Contains(some, group) })
	return left
}

func FuzzWaitsAreWithinTheirBounds(f *testing.F) {
	f.Add("support/asha", int64(1_767_323_045), int64(time.Hour), 1, 0.5)
	f.Add("", int64(0), int64(time.Minute), 10, 0.0)
	f.Add("a/b", int64(math.MaxInt32), int64(99999*time.Hour), math.MaxInt, math.Nextafter(1, 0))
	f.Add("a/b", int64(-1), int64(-1), math.MinInt, 0.999)
	f.Fuzz(func(t *testing.T, owner string, seconds, interval int64, failures int, seed float64) {
		const longest = 3 * 99999 * time.Hour // which the CRD allows
		last, every := time.Unix(seconds%(1<<33), 0).UTC(), time.Duration(interval)%longest
		switch at := ResyncAt(owner, last, every); {
		case every <= 0:
			if !at.IsZero() {
				t.Errorf("an interval of %s ends at %s", every, at)
			}
		case at.Sub(last) < every-every/10-time.Microsecond || at.Sub(last) > every+every/10+time.Microsecond:
			t.Errorf("an interval of %s took %s", every, at.Sub(last))
		case !at.Equal(ResyncAt(owner, last.Add(time.Millisecond).Local(), every).Add(-time.Millisecond)):
			t.Errorf("the spread of %s depends on more than owner and second", owner)
		}
		if !(seed >= 0 && seed < 1) {
			return
		}
		wait, next := retryDelay(failures, seed), retryDelay(max(failures, 1)%1000+1, seed)
		if wait < firstRetry || wait > maxRetry {
			t.Errorf("after %d failures it waits %s", failures, wait)
		}
		if failures > 9 && wait < maxRetry*3/4 || failures < 10 && failures > 0 && next < wait*3/4 {
			t.Errorf("after %d failures it waits %s, and then %s", failures, wait, next)
		}
	})
}

// A user can write anything into the annotation. Whatever it contains, a new attempt is recorded so that it can be read back,
// and is pending until its own answer.
func FuzzRecordKeepsPendingAdds(f *testing.F) {
	for _, text := range []string{
		"", "{}", "null", "[]", `{"attempt":1,"groups":["90"]}`, `{"attempt":9223372036854775807,"groups":["90"]}`, `{"attempt":-5,"groups":["91","91",""]}`,
		`{"attempt":1e3}`, `{"ATTEMPT":2,"groups":null}`, `{"attempt":3,"groups":["` + "\xff" + `"]}`, `{"attempt":4,"groups":["9"]} `, `{"attempt":4}{}`,
		`{"attempt":4294967296,"groups":["9"]}`, `{"attempt":4294967299,"groups":["9"]}`, `{"attempt":4294967300,"groups":["9"]}`,
	} {
		f.Add(text, int64(0), "92 90")
		f.Add(text, int64(3), "")
	}
	f.Fuzz(func(t *testing.T, text string, answered int64, list string) {
		adds := strings.Fields(strings.ToValidUTF8(list, "?"))
		mapping := &v1alpha1.AgentGroupMapping{}
		mapping.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: text}
		mapping.Status.AnsweredAttempt = max(answered, 0) % (1 << 52) // at least 0 by the CRD
		before := pendingAdds(mapping)

		record := Record(mapping, adds)
		mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = record
		attempt := AttemptOf(mapping)
		for _, group := range append(before, adds...) {
			if !slices.Contains(pendingAdds(mapping), group) {
				t.Errorf("group %q is not pending in %s, answered %d", group, record, mapping.Status.AnsweredAttempt)
			}
		}
		mapping.Status.AnsweredAttempt = attempt.Number
		if left := pendingAdds(mapping); len(left) > 0 {
			t.Errorf("once answered, %v are pending", left)
		}
		if next := attemptOf(mapping, Record(mapping, nil)); next.Number != attempt.Number+1 || len(next.Groups) > 0 {
			t.Errorf("after %s comes %+v", record, next)
		}
		var valid any
		if err := json.Unmarshal([]byte(record), &valid); err != nil {
			t.Errorf("the record %s: %v", record, err)
		}
	})
}

// attemptOf reads a record as if the mapping had it.
func attemptOf(mapping *v1alpha1.AgentGroupMapping, record string) Attempt {
	mapping = mapping.DeepCopy()
	mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = record
	return AttemptOf(mapping)
}
