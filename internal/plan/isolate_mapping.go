package plan

import (
	"maps"
	"slices"
)

// MappingIsolation finds which mappings caused the rejection of a request that carried other mappings' groups. DeepCall
// rejects a request as a whole, and may reject groups that it accepted before. No step contains the change itself.
//
//	AsApplied     all groups as last applied              accepted: the change is at fault
//	LeaveOneOut   all but one mapping's groups            accepted: that mapping is at fault
//	AddOneByOne   one more mapping's groups at a time     rejected: that mapping is at fault
//
// LeaveOneOut finds a single mapping at fault. Each of its requests omits the groups of one mapping only, since DeepCall could
// remove omitted groups. AddOneByOne follows only if several mappings are at fault.
type MappingIsolation struct {
	// Step is what the next request contains.
	Step MappingStep
	// Suspects are the names of the mappings that are still to be tried in this step, the next first.
	Suspects []string
	// Accepted are the mappings whose groups were accepted by AddOneByOne.
	Accepted []string
	// AtFault are the mappings whose groups DeepCall rejects. If there are none in the end, the change itself is at fault.
	AtFault []string

	// rejection is the result that is isolated.
	rejection Result
	// asApplied are the applied groups at the rejection. Once they change, DeepCall's answers prove nothing.
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
	// Concluded sends nothing: AtFault is complete.
	Concluded
)

// isolateMapping begins to isolate the rejection of a request for self. It reports false if the request carried no other
// mapping's groups: then self is at fault.
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
	carried := carriedMappings(inputs, changes)
	if len(carried) <= 1 {
		return MappingIsolation{Step: Concluded, AtFault: carried}
	}
	return MappingIsolation{Step: LeaveOneOut, Suspects: carried}
}

// groups returns the groups of the next request.
func (m MappingIsolation) groups(inputs []input, changes []change) Groups {
	groups := Groups{}
	for i, in := range inputs {
		suspect := len(m.Suspects) > 0 && in.name == m.Suspects[0]
		switch {
		case m.Step == LeaveOneOut && suspect:
		case m.Step == AddOneByOne && !suspect && !slices.Contains(m.Accepted, in.name):
		default:
			maps.Copy(groups, carried(inputs, changes, i))
		}
	}
	return groups
}

// next returns the isolation after DeepCall accepted or rejected its request.
func (m MappingIsolation) next(inputs []input, changes []change, accepted bool) MappingIsolation {
	next := m
	switch {
	case m.Step == AsApplied && accepted:
		return MappingIsolation{Step: Concluded}
	case m.Step == AsApplied:
		return leaveOneOut(inputs, changes)
	case m.Step == LeaveOneOut && accepted:
		return MappingIsolation{Step: Concluded, AtFault: m.Suspects[:1]}
	case m.Step == LeaveOneOut:
		next.Suspects = m.Suspects[1:]
		if len(next.Suspects) > 0 {
			return next
		}
		if all := carriedMappings(inputs, changes); len(all) > 0 {
			return MappingIsolation{Step: AddOneByOne, Suspects: all}
		}
		return MappingIsolation{Step: Concluded}
	case accepted:
		next.Accepted = append(slices.Clone(m.Accepted), m.Suspects[0])
	default:
		next.AtFault = append(slices.Clone(m.AtFault), m.Suspects[0])
	}
	next.Suspects = m.Suspects[1:]
	if len(next.Suspects) == 0 {
		next.Step = Concluded
	}
	return next
}

// withRejection returns the isolation with the rejection that it isolates, and the groups that were applied then.
func (m MappingIsolation) withRejection(rejection Result, asApplied Groups) *MappingIsolation {
	m.rejection, m.asApplied = rejection, asApplied
	return &m
}

// outdated reports whether the isolation must begin again: the applied groups, the reason for the request or the account has
// changed since the rejection, so earlier answers prove nothing.
func (p planner) outdated(m MappingIsolation, self int) bool {
	rejected := m.rejection
	return !maps.Equal(m.asApplied, groupsAsApplied(p.inputs, p.changes)) ||
		p.changes[self].pending != rejected.change.pending || p.inputs[self].requestedAt != rejected.RequestedAt ||
		!p.Account.ResyncRequested.Equal(rejected.AccountResync) || p.Account.Recoveries != rejected.Recoveries
}

// groupsAsApplied returns the groups of all mappings as last applied.
func groupsAsApplied(inputs []input, changes []change) Groups {
	return MappingIsolation{Step: AsApplied}.groups(inputs, changes)
}

// carriedMappings returns the names of the mappings whose groups are carried, in order.
func carriedMappings(inputs []input, changes []change) []string {
	var names []string
	for i, in := range inputs {
		if len(carried(inputs, changes, i)) > 0 {
			names = append(names, in.name)
		}
	}
	return names
}
