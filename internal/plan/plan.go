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
//	s holds g, its owner can take it now           → kept until the owner has applied it
//	s holds g, its owner can't take it now         → stop, or let go under Orphan
package plan

import (
	"maps"
	"slices"
	"time"
)

// Groups says for each group ID whether the agent receives calls for it.
type Groups map[string]bool

// Claims are one source's wishes for the groups of an agent, and what came of them so far.
// An AgentGroupMapping is such a source.
type Claims struct {
	// Owner names the source, unique and stable: namespace/name. The last tie-break of ownership.
	Owner string
	// Created is when the source came to be. The older source owns a group that nobody holds.
	Created time.Time
	// Declared is what the source wants; empty while it is being removed.
	Declared Groups
	// Applied is what DeepCall last confirmed for this source.
	Applied Groups
	// Elsewhere is true when Applied no longer counts: it was confirmed at another endpoint than the
	// present one, or DeepCall refuses it by now. It does not ride along with other sources' changes.
	Elsewhere bool
	// Uncertain is true when DeepCall may hold something else than Applied, since an answer was lost.
	Uncertain bool
	// Attempted are groups that a call without a definite answer may have added.
	Attempted []string
	// Removing is true when the source is being deleted.
	Removing bool
	// Orphan is true when groups are left as they stand instead of stopped.
	Orphan bool
	// Suspended is true when no call may be made for this source.
	Suspended bool
	// Blocked is true when this source's change was refused, or backs off: it is not sent now.
	Blocked bool
	// Due is true when the groups are to be sent again although nothing changed.
	Due bool
	// Trial is how far a removal that DeepCall refused was taken apart.
	Trial Trial
}

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
		case owned && sources[owner].able():
			if receives, applied := s.applied()[group]; applied {
				c.Kept[group] = receives
			}
		case !s.Orphan:
			c.Stops = append(c.Stops, group)
		}
	}
	slices.Sort(c.Stops)

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

// Request is what is sent for the change of one source: everybody's groups as last applied,
// with this one change.
func Request(sources []Claims, changes []Change, self int) Groups {
	request := riders(sources, self)
	maps.Copy(request, changes[self].Kept)
	maps.Copy(request, changes[self].Target)
	for _, group := range sources[self].Trial.stops(changes[self].Stops) {
		request[group] = false
	}
	return request
}

// Adds are the groups that DeepCall learns of by the next call, neither applied nor attempted
// before. They are recorded before the call. Sorted.
func Adds(s Claims, c Change) []string {
	held := s.held()
	var adds []string
	for group := range c.Target {
		if !held[group] {
			adds = append(adds, group)
		}
	}
	slices.Sort(adds)
	return adds
}

// riders are the groups that the other sources hold.
func riders(sources []Claims, self int) Groups {
	groups := Groups{}
	for i := range sources {
		if i != self {
			maps.Copy(groups, sources[i].applied())
		}
	}
	return groups
}

// owners maps each declared group to the one source that owns it: the present holder, else the
// older source, else by name.
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
	return older(a, b)
}

func older(a, b Claims) bool {
	if !a.Created.Equal(b.Created) {
		return a.Created.Before(b.Created)
	}
	return a.Owner < b.Owner
}

// applied is what counts as applied, at the present endpoint.
func (s Claims) applied() Groups {
	if s.Elsewhere {
		return nil
	}
	return s.Applied
}

// held are the groups that DeepCall holds, or may hold, for the source. Those applied elsewhere
// are among them: better one stop too many than a phone that goes on ringing.
func (s Claims) held() map[string]bool {
	held := make(map[string]bool, len(s.Applied)+len(s.Attempted))
	for group := range s.Applied {
		held[group] = true
	}
	for _, group := range s.Attempted {
		held[group] = true
	}
	return held
}

func (s Claims) has(group string) bool {
	_, has := s.applied()[group]
	return has
}

// able is true when the source can take over a group by a call of its own.
func (s Claims) able() bool {
	return !s.Suspended && !s.Blocked
}

func contains(all, some Groups) bool {
	for group, receives := range some {
		if applied, has := all[group]; !has || applied != receives {
			return false
		}
	}
	return true
}
