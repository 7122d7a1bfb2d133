package plan

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
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

// sources are up to five, with all that can be said of them but trials, in any combination.
func (d *dice) sources() []Claims {
	sources := make([]Claims, 1+d.roll(5))
	for i := range sources {
		s := Claims{
			Owner: string(rune('a' + i)), Created: day(1 + d.roll(3)), Confirmed: day(1 + d.roll(4)),
			Declared: d.groups("123456"), Applied: d.groups("123456"), Attempted: slices.Sorted(maps.Keys(d.groups("567"))),
		}
		flags := d.roll(256)
		s.Elsewhere, s.Uncertain, s.Orphan, s.Suspended = flags&1 > 0, flags&2 > 0, flags&4 > 0, flags&8 > 0
		s.Blocked, s.Due = flags&16 > 0, flags&32 > 0
		if s.Removing = flags&192 == 192; s.Removing {
			s.Declared = nil
		}
		sources[i] = s
	}
	return sources
}

func FuzzAPlanKeepsItsPromises(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 1, 1, 2, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0})
	f.Add([]byte("\x04the quick brown fox jumps over the lazy dog, and over many more, until it is tired of it all"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		sources := (&dice{seed}).sources()
		changes := Plan(sources)
		expectOneAnswerInAnyOrder(t, sources, changes)
		expectOneOwnerPerGroup(t, sources, changes)
		for self := range sources {
			expectSoundChange(t, sources, changes, self)
			expectWholeRequest(t, sources, changes, self)
			expectStillOnceAccepted(t, sources, changes, self)
		}
		if t.Failed() {
			t.Logf("the sources:\n%s", lines(sources))
		}
	})
}

func expectOneAnswerInAnyOrder(t *testing.T, sources []Claims, changes []Change) {
	reversed := slices.Clone(sources)
	slices.Reverse(reversed)
	again := Plan(reversed)
	slices.Reverse(again)
	if !reflect.DeepEqual(changes, again) {
		t.Errorf("the order of the sources matters:\n%s\n%s", lines(changes), lines(again))
	}
	next, other := Next(sources, changes), len(sources)-1-Next(reversed, Plan(reversed))
	if next != other && (next >= 0 || other != len(sources)) {
		t.Errorf("whose turn it is depends on the order: %d or %d", next, other)
	}
}

func expectOneOwnerPerGroup(t *testing.T, sources []Claims, changes []Change) {
	for _, group := range []string{"1", "2", "3", "4", "5", "6"} {
		declared, owned := 0, 0
		for i := range sources {
			receives, declares := sources[i].Declared[group]
			target, owns := changes[i].Target[group]
			yields := slices.Contains(changes[i].Conflicts, group)
			if declares {
				declared++
			}
			if owns {
				owned++
			}
			if declares != (owns || yields) || owns && yields || owns && target != receives {
				t.Errorf("%s declares group %s %v, owns it %v, yields it %v", sources[i].Owner, group, declares, owns, yields)
			}
		}
		if owned != min(declared, 1) {
			t.Errorf("group %s has %d owners, and is declared by %d", group, owned, declared)
		}
	}
}

// expectSoundChange holds that each group has one fate, and that every group held is accounted for.
func expectSoundChange(t *testing.T, sources []Claims, changes []Change, self int) {
	s, c := sources[self], changes[self]
	for group := range s.held() {
		_, target := c.Target[group]
		_, kept := c.Kept[group]
		stopped, lost := slices.Contains(c.Stops, group), slices.Contains(c.Lost, group)
		fates := 0
		for _, fate := range []bool{target, kept, stopped, lost} {
			if fate {
				fates++
			}
		}
		if fates > 1 || fates == 0 && !s.Orphan || stopped && s.Orphan {
			t.Errorf("%s: group %s is target %v, kept %v, stopped %v, lost %v", s.Owner, group, target, kept, stopped, lost)
		}
		if !kept && !lost {
			continue
		}
		for i := range sources {
			if _, owns := changes[i].Target[group]; owns && i != self {
				lost = lost && sources[i].has(group)
				kept = kept && !sources[i].has(group) && sources[i].able()
			}
		}
		if !kept && !lost {
			t.Errorf("%s: group %s is left to nobody", s.Owner, group)
		}
	}
	for _, group := range c.Stops {
		for i := range sources {
			if _, owns := changes[i].Target[group]; owns && sources[i].has(group) {
				t.Errorf("%s stops group %s, which %s has", s.Owner, group, sources[i].Owner)
			}
		}
	}
}

// expectWholeRequest holds that a request carries the change, and everything that others hold, so that
// DeepCall comes out right if it takes a request for the whole truth.
func expectWholeRequest(t *testing.T, sources []Claims, changes []Change, self int) {
	c, request := changes[self], Request(sources, changes, self)
	want := c.Applied()
	for _, group := range c.Stops {
		want[group] = false
	}
	for group, receives := range want {
		if got, has := request.Groups[group]; !has || got != receives {
			t.Errorf("the request for %s has group %s=%v (%v), not %v", sources[self].Owner, group, got, has, receives)
		}
	}
	for i := range sources {
		for group, receives := range sources[i].applied() {
			got, has := request.Groups[group]
			if i != self && !has && !sources[self].has(group) { // or it lets go of the group itself
				t.Errorf("the request for %s leaves out group %s of %s", sources[self].Owner, group, sources[i].Owner)
			}
			if _, own := want[group]; i != self && !own && got != receives && onlyOneHas(sources, group) {
				t.Errorf("the request for %s changes group %s of %s", sources[self].Owner, group, sources[i].Owner)
			}
		}
	}
	for group := range request.Groups {
		if _, own := want[group]; !own && !slices.ContainsFunc(sources, func(s Claims) bool { return s.has(group) }) {
			t.Errorf("the request for %s has group %s, which nobody holds", sources[self].Owner, group)
		}
	}
}

func onlyOneHas(sources []Claims, group string) bool {
	holders := 0
	for _, s := range sources {
		if s.has(group) {
			holders++
		}
	}
	return holders == 1
}

func expectStillOnceAccepted(t *testing.T, sources []Claims, changes []Change, self int) {
	after := slices.Clone(sources)
	s := &after[self]
	progress := Request(sources, changes, self).Accepted()
	if !progress.Done || progress.Trial.Phase != Together {
		t.Fatalf("%s is not through, once all of it is accepted: %+v", s.Owner, progress)
	}
	s.Applied, s.Attempted, s.Confirmed, s.Elsewhere, s.Uncertain = progress.Applied, nil, day(9), false, false
	for group := range changes[self].Kept {
		if _, declared := s.Declared[group]; declared {
			return // of two on record, it holds the group now, and may have more to say of it
		}
	}
	again := Plan(after)[self]
	if again.Pending || !maps.Equal(again.Applied(), changes[self].Applied()) {
		t.Errorf("%s: %q, and once that is accepted %q", s.Owner, describe(changes[self]), describe(again))
	}
	if adds := Adds(*s, again); len(adds) > 0 {
		t.Errorf("%s still adds %v", s.Owner, adds)
	}
}

// When DeepCall accepts everything, an agent comes to rest, whatever its sources were.
func FuzzAcceptedCallsComeToAnEnd(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x03and the lazy dog sleeps on, under the tree behind the house, until the fox comes back for more of it"))
	f.Fuzz(func(t *testing.T, seed []byte) {
		sources := (&dice{seed}).sources()
		for calls := 0; ; calls++ {
			changes := Plan(sources)
			for i := range sources { // as the reconciler reports what needs no call
				if changes[i].Outdated {
					sources[i].Applied = changes[i].Applied()
				}
				sources[i].Applied = minus(sources[i].Applied, changes[i].Lost)
			}
			changes = Plan(sources)
			next := Next(sources, changes)
			if next < 0 {
				return
			}
			if calls > 2*len(sources)+1 {
				t.Fatalf("call %d: for %s %q\n%s", calls, sources[next].Owner, describe(changes[next]), lines(sources))
			}
			s := &sources[next]
			s.Applied, s.Attempted, s.Confirmed = Request(sources, changes, next).Accepted().Applied, nil, day(9).Add(time.Duration(calls)*time.Hour)
			s.Elsewhere, s.Uncertain, s.Due = false, false, false
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
		wait, next := RetryAfter(failures, seed), RetryAfter(max(failures, 1)%1000+1, seed)
		if wait < firstRetry || wait > lastRetry {
			t.Errorf("after %d failures it waits %s", failures, wait)
		}
		if failures > 9 && wait < lastRetry*3/4 || failures < 10 && failures > 0 && next < wait*3/4 {
			t.Errorf("after %d failures it waits %s, and then %s", failures, wait, next)
		}
	})
}
