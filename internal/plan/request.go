package plan

import (
	"maps"
	"slices"
)

// Call is one request for the change of a source.
type Call struct {
	// Groups are all groups of the request.
	Groups Groups
	// Stops are those of the change's stops that it carries.
	Stops []string

	claims Claims
	change Change
	trial  Trial
}

// Request makes the next call for the change of a source: everybody's groups as last applied, with
// this one change, or with the part of it that is on trial.
func Request(sources []Claims, changes []Change, self int) Call {
	rest := riders(sources, changes, self)
	maps.Copy(rest, changes[self].Kept)
	maps.Copy(rest, changes[self].Target)

	call := Call{Groups: rest, claims: sources[self], change: changes[self]}
	call.trial = call.claims.Trial.beside(rest)
	call.Stops = call.trial.stops(call.change.Stops)
	call.Groups = maps.Clone(rest)
	for _, group := range call.Stops {
		call.Groups[group] = false
	}
	return call
}

// rest is the request without its stops.
func (c Call) rest() Groups {
	rest := maps.Clone(c.Groups)
	for _, group := range c.Stops {
		delete(rest, group)
	}
	return rest
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

// riders are the groups of all other sources.
func riders(sources []Claims, changes []Change, self int) Groups {
	groups := Groups{}
	for i := range sources {
		if i != self {
			maps.Copy(groups, rides(sources, changes, i))
		}
	}
	return groups
}

// rides are the groups of a source that ride along with other sources' changes: as last applied, but
// for those that another source owns and applied since, and for stops that are on trial, of which
// one may be what DeepCall refuses. In doubt, what is to receive no calls is not turned back on.
func rides(sources []Claims, changes []Change, i int) Groups {
	s := sources[i]
	groups := maps.Clone(s.applied())
	for group := range groups {
		if s.Uncertain && !s.Suspended && quietens(changes[i], group) {
			groups[group] = false
		}
		onTrial := s.Trial.Phase != Together && slices.Contains(changes[i].Stops, group)
		if onTrial || takenOver(sources, i, group) {
			delete(groups, group)
		}
	}
	return groups
}

// quietens is true when a change has the agent receive no calls for the group.
func quietens(c Change, group string) bool {
	receives, declared := c.Target[group]
	return declared && !receives || slices.Contains(c.Stops, group)
}

// takenOver is true when another source declares and has applied the group, which this one does not declare
// or does not own.
func takenOver(sources []Claims, i int, group string) bool {
	for j := range sources {
		_, declared := sources[j].Declared[group]
		if j == i || !declared || !sources[j].has(group) {
			continue
		}
		if _, both := sources[i].Declared[group]; !both || outranks(sources[j], sources[i], group) {
			return true
		}
	}
	return false
}
