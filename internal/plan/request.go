package plan

import (
	"maps"
	"slices"
)

// Request is one request for the change of a mapping.
type Request struct {
	// Groups are all groups of the request.
	Groups Groups
	// Removals are those of the change's removals that it contains.
	Removals []string

	input     input
	change    change
	isolation RemovalIsolation
}

// newRequest returns the request for the change of a mapping: the carried groups as last applied, and this one change or
// the part of it that its isolation tries next.
func newRequest(inputs []input, changes []change, self int) Request {
	rest := carriedGroups(inputs, changes, self)
	maps.Copy(rest, changes[self].handingOver)
	maps.Copy(rest, changes[self].desired)

	r := Request{Groups: maps.Clone(rest), input: inputs[self], change: changes[self]}
	r.isolation = r.input.isolation.with(rest)
	r.Removals = r.isolation.next(r.change.removals)
	for _, group := range r.Removals {
		r.Groups[group] = false
	}
	return r
}

// rest returns the groups of the request without its removals.
func (r Request) rest() Groups {
	rest := maps.Clone(r.Groups)
	for _, group := range r.Removals {
		delete(rest, group)
	}
	return rest
}

// adds returns the groups of the next request that are neither applied nor pending, sorted. They are recorded before it.
func adds(in input, c change) []string {
	held := in.held()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.desired)), func(group string) bool { return held[group] })
}

// carriedGroups returns the groups of all other mappings that a request for self carries.
func carriedGroups(inputs []input, changes []change, self int) Groups {
	groups := Groups{}
	for i := range inputs {
		if i != self {
			maps.Copy(groups, carried(inputs, changes, i))
		}
	}
	return groups
}

// carried returns the groups of a mapping that requests for other mappings carry: as last applied, without those that another
// mapping owns and has applied since, and without removals that are being isolated, since one of them may be at fault. A
// mapping without permission keeps the groups that its spec declares, so these are carried nevertheless. If DeepCall's value is unconfirmed, a group that the change disables is not enabled again.
func carried(inputs []input, changes []change, i int) Groups {
	in := inputs[i]
	groups := maps.Clone(in.appliedHere())
	for group := range groups {
		if in.unconfirmed && !in.suspended() && changes[i].disables(group) {
			groups[group] = false
		}
		_, declared := in.declared[group]
		isolated := in.isolation.underWay() && slices.Contains(changes[i].removals, group) && !declared
		if isolated || isTakenOver(inputs, i, group) {
			delete(groups, group)
		}
	}
	return groups
}

// disables reports whether the agent receives no calls for the group once the change is applied.
func (c change) disables(group string) bool {
	receives, desired := c.desired[group]
	return desired && !receives || slices.Contains(c.removals, group)
}

// isTakenOver reports whether another mapping declares and has applied the group, and this one does not declare or does not
// own it.
func isTakenOver(inputs []input, i int, group string) bool {
	for j := range inputs {
		_, declared := inputs[j].desired[group]
		if j == i || !declared || !inputs[j].hasApplied(group) {
			continue
		}
		if _, both := inputs[i].desired[group]; !both || precedes(inputs[j], inputs[i], group) {
			return true
		}
	}
	return false
}
