// Package plan decides what DeepCall is told. It knows what is declared and what is applied,
// and says what to send, for whom, and when to look again. It does no I/O and reads no clock.
//
// The unit is an agent: all sources that claim groups of one agent are planned together, since
// DeepCall's page can be read both ways on groups that a request leaves out. So every request
// carries all groups that anybody holds for the agent, and the pending change of one source only.
//
// What becomes of group g of a source s ("held": applied, or attempted with unknown outcome):
//
//	s declares g, and owns it                      → target, sent with the declared value
//	s declares g, another owns it                  → conflict; let go if held
//	s holds g, declared by nobody, StopCalls       → stop: sent once with "N"
//	s holds g, declared by nobody, Orphan          → let go, nothing sent
//	s holds g, its owner has applied it            → let go, nothing sent
//	s applied g, its owner can take it now         → kept until the owner has applied it
//	s holds g otherwise                            → stop, or let go under Orphan
package plan

import (
	"maps"
	"slices"
)

// Change is what one source needs, as decided by Plan.
type Change struct {
	// Target is what DeepCall should hold for the source: declared, and owned by it.
	Target Groups
	// Conflicts are the declared groups that another source owns, sorted.
	Conflicts []string
	// Stops are the groups to send once with "N", sorted.
	Stops []string
	// Kept are groups that the source holds until their new owner has applied them.
	Kept Groups
	// Lost are groups of the record that their owner has applied by now, sorted.
	Lost []string
	// Pending is true when DeepCall has not confirmed the target, or has groups to stop.
	Pending bool
	// Outdated is true when the record of applied groups should change without any call.
	Outdated bool
}

// Applied is what DeepCall holds for the source once the change is through.
func (c Change) Applied() Groups {
	applied := maps.Clone(c.Kept)
	if applied == nil {
		applied = Groups{}
	}
	maps.Copy(applied, c.Target)
	return applied
}

// Still is true when there is nothing to send, and nothing to be taken over by another source.
func (c Change) Still() bool {
	return !c.Pending && len(c.Kept) == 0
}

// Empty is true when the source holds nothing in DeepCall, and has nothing to send.
func (c Change) Empty() bool {
	return len(c.Target) == 0 && len(c.Kept) == 0 && len(c.Stops) == 0
}

// Plan decides the change of each source of an agent, in the order of the sources.
func Plan(sources []Claims) []Change {
	owners := owners(sources)
	changes := make([]Change, len(sources))
	for i := range sources {
		changes[i] = change(sources, i, owners)
	}
	return changes
}

func change(sources []Claims, self int, owners map[string]int) Change {
	s := sources[self]
	c := Change{Target: Groups{}, Kept: Groups{}}
	for group, receives := range s.Declared {
		if owners[group] == self {
			c.Target[group] = receives
		} else {
			c.Conflicts = append(c.Conflicts, group)
		}
	}
	slices.Sort(c.Conflicts)

	for group := range s.held() {
		if _, stays := c.Target[group]; stays || slices.Contains(s.Trial.Gone, group) {
			continue
		}
		owner, owned := owners[group]
		switch {
		case owned && sources[owner].has(group):
			c.Lost = append(c.Lost, group)
		case owned && sources[owner].able() && s.has(group):
			c.Kept[group] = s.Applied[group]
		case !s.Orphan:
			c.Stops = append(c.Stops, group)
		}
	}
	slices.Sort(c.Stops)
	slices.Sort(c.Lost)

	c.Pending = len(c.Stops) > 0 || !contains(s.applied(), c.Target) || (s.Uncertain && len(c.Target) > 0)
	c.Outdated = !c.Pending && !maps.Equal(s.Applied, c.Applied())
	return c
}

// Next is the index of the source whose change is to be sent now, or -1: changes before
// repetitions, and the older source first.
func Next(sources []Claims, changes []Change) int {
	next := -1
	for i := range sources {
		if !sends(sources[i], changes[i]) {
			continue
		}
		if next < 0 || before(sources[i], changes[i], sources[next], changes[next]) {
			next = i
		}
	}
	return next
}

func sends(s Claims, c Change) bool {
	if s.Suspended || s.Blocked {
		return false
	}
	return c.Pending || (s.Due && !s.Removing && len(c.Target) > 0)
}

func before(a Claims, ac Change, b Claims, bc Change) bool {
	if ac.Pending != bc.Pending {
		return ac.Pending
	}
	return older(a, b)
}

// owners maps each declared group to the one source that owns it: the present holder, else the
// older source, else by name. Of two recorded holders, the one confirmed last is it.
func owners(sources []Claims) map[string]int {
	owners := map[string]int{}
	for i := range sources {
		for group := range sources[i].Declared {
			rival, claimed := owners[group]
			if !claimed || outranks(sources[i], sources[rival], group) {
				owners[group] = i
			}
		}
	}
	return owners
}

func outranks(a, b Claims, group string) bool {
	_, aHolds := a.Applied[group]
	_, bHolds := b.Applied[group]
	if aHolds != bHolds {
		return aHolds
	}
	if aHolds && !a.Confirmed.Equal(b.Confirmed) {
		return a.Confirmed.After(b.Confirmed)
	}
	return older(a, b)
}

func older(a, b Claims) bool {
	if !a.Created.Equal(b.Created) {
		return a.Created.Before(b.Created)
	}
	return a.Owner < b.Owner
}

func contains(all, some Groups) bool {
	for group, receives := range some {
		if applied, has := all[group]; !has || applied != receives {
			return false
		}
	}
	return true
}
