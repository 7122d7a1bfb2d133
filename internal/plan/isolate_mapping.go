package plan

import (
	"maps"
	"slices"
)

// MappingIsolation finds which mappings caused the rejection of a request that carried other mappings' groups. DeepCall
// rejects a request as a whole, and may reject groups that it accepted before. No step contains the change itself.
//
//	AsApplied     all groups as last applied         accepted: the change is at fault
//	LeaveOneOut   all but one mapping's groups       accepted: that mapping is at fault
//	AddOneByOne   one more mapping's groups a time   rejected: that mapping is at fault
//
// LeaveOneOut finds a single mapping, and DeepCall keeps the other groups meanwhile under both readings of its page. Only
// if several mappings are at fault are they added one by one.
type MappingIsolation struct {
	// Step is what the next request contains.
	Step MappingStep
	// Suspects are the names of the mappings that are still to be tried in this step, the next first.
	Suspects []string
	// Accepted are the mappings whose groups were accepted by AddOneByOne.
	Accepted []string
	// AtFault are the mappings whose groups DeepCall rejects. Once concluded, none means that the change itself is at fault.
	AtFault []string

	// rejection is the result that is isolated.
	rejection Result
	// asApplied are the applied groups at the rejection. If they change, the answers prove nothing.
	asApplied Groups
}

// MappingStep is what the next request of a MappingIsolation contains.
type MappingStep int

const (
	// AsApplied sends the groups that were applied before.
	AsApplied MappingStep = iota + 1
	// LeaveOneOut sends them without those of the next suspect.
	LeaveOneOut
	// AddOneByOne sends the groups of the next suspect with those of the accepted mappings.
	AddOneByOne
	// Concluded has its answer in AtFault.
	Concluded
)

// isolateMapping begins an isolation of the rejected request for a mapping. It reports false if the request carried no
// other mapping's groups: the rejection is the mapping's own.
func isolateMapping(inputs []input, changes []change, self int) (MappingIsolation, bool) {
	if len(carriedGroups(inputs, changes, self)) == 0 {
		return MappingIsolation{}, false
	}
	if changes[self].pending {
		return MappingIsolation{Step: AsApplied}, true
	}
	return leaveOneOut(inputs, changes), true // the rejected request contained the applied groups
}

func leaveOneOut(inputs []input, changes []change) MappingIsolation {
	carriers := carriers(inputs, changes)
	if len(carriers) <= 1 {
		return MappingIsolation{Step: Concluded, AtFault: carriers}
	}
	return MappingIsolation{Step: LeaveOneOut, Suspects: carriers}
}

// groups are the groups of the next request.
func (q MappingIsolation) groups(inputs []input, changes []change) Groups {
	groups := Groups{}
	for i, in := range inputs {
		suspect := len(q.Suspects) > 0 && in.name == q.Suspects[0]
		switch {
		case q.Step == LeaveOneOut && suspect:
		case q.Step == AddOneByOne && !suspect && !slices.Contains(q.Accepted, in.name):
		default:
			maps.Copy(groups, carried(inputs, changes, i))
		}
	}
	return groups
}

// next returns the isolation after DeepCall accepted or rejected its request.
func (q MappingIsolation) next(inputs []input, changes []change, accepted bool) MappingIsolation {
	next := q
	switch {
	case q.Step == AsApplied && accepted:
		return MappingIsolation{Step: Concluded}
	case q.Step == AsApplied:
		return leaveOneOut(inputs, changes)
	case q.Step == LeaveOneOut && accepted:
		return MappingIsolation{Step: Concluded, AtFault: q.Suspects[:1]}
	case q.Step == LeaveOneOut:
		next.Suspects = q.Suspects[1:]
		if len(next.Suspects) > 0 {
			return next
		}
		if all := carriers(inputs, changes); len(all) > 0 {
			return MappingIsolation{Step: AddOneByOne, Suspects: all}
		}
		return MappingIsolation{Step: Concluded}
	case accepted:
		next.Accepted = append(slices.Clone(q.Accepted), q.Suspects[0])
	default:
		next.AtFault = append(slices.Clone(q.AtFault), q.Suspects[0])
	}
	next.Suspects = q.Suspects[1:]
	if len(next.Suspects) == 0 {
		next.Step = Concluded
	}
	return next
}

// of returns the isolation as one of this rejection, with these applied groups.
func (q MappingIsolation) of(rejection Result, asApplied Groups) *MappingIsolation {
	q.rejection, q.asApplied = rejection, asApplied
	return &q
}

// outdated reports whether the applied groups have changed since the rejection.
func (q *MappingIsolation) outdated(inputs []input, changes []change) bool {
	return !maps.Equal(q.asApplied, groupsAsApplied(inputs, changes))
}

func groupsAsApplied(inputs []input, changes []change) Groups {
	return MappingIsolation{Step: AsApplied}.groups(inputs, changes)
}

// carriers are the names of the mappings whose groups are carried, in order.
func carriers(inputs []input, changes []change) []string {
	var names []string
	for i, in := range inputs {
		if len(carried(inputs, changes, i)) > 0 {
			names = append(names, in.name)
		}
	}
	return names
}
