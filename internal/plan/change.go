package plan

import (
	"maps"
	"slices"
)

// change is what one mapping needs. For each group g of a mapping m, where "holds" means that DeepCall has g or may have it:
//
//	m desires g, and owns it                       desired: sent with its value
//	m desires g, another mapping owns it           conflict; if m holds g, see below
//	m holds g, no mapping desires it, StopCalls    removal: sent once with "N"
//	m holds g, no mapping desires it, Orphan       dropped without a request
//	m holds g, its owner has applied it            taken over: dropped without a request
//	m holds g, no owner, another one applied it    taken over if one of the two is suspended, see isLeftTo
//	m applied g, its owner can take it over now    handing over: kept until the owner has applied it
//	m holds g otherwise                            removal, or dropped under Orphan
type change struct {
	// desired is what DeepCall should have for the mapping: declared, and owned by it.
	desired Groups
	// conflicts are the declared groups that another mapping owns, sorted.
	conflicts []string
	// removals are the groups to be sent once with "N", sorted.
	removals []string
	// handingOver are groups that the mapping keeps until their owner has applied them.
	handingOver Groups
	// takenOver are groups that another mapping has applied since, sorted.
	takenOver []string
	// pending reports whether DeepCall has not confirmed the desired groups, or there are removals.
	pending bool
	// statusOnly reports whether status.appliedGroups changes without a request.
	statusOnly bool
	// deferred reports that some desired groups are added later, since the status could not record all at once.
	deferred bool
}

// The maximum numbers of applied and of pending groups, as the CRD has them.
const (
	maxApplied = 1000
	maxPending = 1000
)

// applied is what DeepCall has for the mapping once the change is accepted.
func (c change) applied() Groups {
	applied := Groups{}
	maps.Copy(applied, c.handingOver)
	maps.Copy(applied, c.desired)
	return applied
}

// noOp reports whether there is nothing to send, and nothing that another mapping takes over.
func (c change) noOp() bool {
	return !c.pending && !c.deferred && len(c.handingOver) == 0
}

// empty reports whether the mapping has no groups in DeepCall, and nothing to send.
func (c change) empty() bool {
	return len(c.desired) == 0 && len(c.handingOver) == 0 && len(c.removals) == 0
}

// computeChanges returns the change of each mapping of an agent.
func computeChanges(inputs []input) []change {
	owners := computeOwners(inputs)
	changes := make([]change, len(inputs))
	for i := range inputs {
		changes[i] = computeChange(inputs, i, owners)
	}
	return changes
}

func computeChange(inputs []input, self int, owners map[string]int) change {
	in := inputs[self]
	c := change{desired: Groups{}, handingOver: Groups{}}
	for group, receives := range in.desired {
		if owners[group] == self {
			c.desired[group] = receives
		} else {
			c.conflicts = append(c.conflicts, group)
		}
	}
	for group := range in.held() {
		if _, desired := c.desired[group]; desired || slices.Contains(in.isolation.Removed, group) {
			continue
		}
		owner, owned := owners[group]
		switch {
		case owned && inputs[owner].hasApplied(group), !owned && isLeftTo(inputs, self, group):
			c.takenOver = append(c.takenOver, group)
		case owned && inputs[owner].canTakeOver() && in.hasApplied(group):
			c.handingOver[group] = in.applied[group]
		case !in.orphan:
			c.removals = append(c.removals, group)
		}
	}
	slices.Sort(c.conflicts)
	slices.Sort(c.removals)
	slices.Sort(c.takenOver)
	c.deferAdds(in)

	c.pending = len(c.removals) > 0 || !contains(in.appliedHere(), c.desired) || (in.unconfirmed && len(c.desired) > 0)
	c.statusOnly = !c.pending && !maps.Equal(in.applied, c.applied())
	return c
}

// isLeftTo reports whether a group that no mapping desires is left to another mapping that has applied it since. A suspended
// mapping keeps the group, or removes it when it is resumed; if this one is suspended, the other one removes the group now.
// Otherwise the record of the suspended one would be wrong when it desires the group again.
func isLeftTo(inputs []input, self int, group string) bool {
	for _, in := range inputs {
		leaves := in.suspended() && in.deleting
		if in.suspended() != inputs[self].suspended() && !leaves && in.hasApplied(group) && precedes(in, inputs[self], group) {
			return true
		}
	}
	return false
}

// deferAdds removes from the desired groups those that would exceed what the status can record. They are added once removals
// have been confirmed, or other mappings have taken over.
func (c *change) deferAdds(in input) {
	recorded := maps.Clone(in.applied)
	if recorded == nil {
		recorded = Groups{}
	}
	maps.Copy(recorded, c.desired)
	isRecorded := func(string) bool { return true }
	switch held := in.held(); {
	case len(recorded) > maxApplied:
		isRecorded = func(group string) bool { _, applied := in.applied[group]; return applied }
	case len(in.pendingAdds)+len(in.unrecorded)+len(adds(in, *c)) > maxPending:
		isRecorded = func(group string) bool { return held[group] }
	}
	maps.DeleteFunc(c.desired, func(group string, _ bool) bool {
		c.deferred = c.deferred || !isRecorded(group)
		return !isRecorded(group)
	})
}

// computeOwners returns the one mapping that owns each declared group: the mapping that has applied it, else the older
// mapping, else by name. Of two mappings that applied it, the one confirmed last.
func computeOwners(inputs []input) map[string]int {
	owners := map[string]int{}
	for i := range inputs {
		for group := range inputs[i].desired {
			owner, owned := owners[group]
			if !owned || precedes(inputs[i], inputs[owner], group) {
				owners[group] = i
			}
		}
	}
	return owners
}

// precedes reports whether a, and not b, owns a group that both declare or have applied.
func precedes(a, b input, group string) bool {
	_, aApplied := a.applied[group]
	_, bApplied := b.applied[group]
	if aApplied != bApplied {
		return aApplied
	}
	if aApplied && !a.confirmedAt.Equal(b.confirmedAt) {
		return a.confirmedAt.After(b.confirmedAt)
	}
	return older(a, b)
}

func older(a, b input) bool {
	if !a.created.Equal(b.created) {
		return a.created.Before(b.created)
	}
	return a.name < b.name
}

func contains(all, some Groups) bool {
	for group, receives := range some {
		if applied, has := all[group]; !has || applied != receives {
			return false
		}
	}
	return true
}
