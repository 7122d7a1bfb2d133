package plan

import (
	"maps"
	"slices"
)

// Inquiry finds out to whom a refusal belongs, when a change was refused together with groups that
// ride along. DeepCall refuses a request as a whole, and may refuse today what it accepted before.
// Every step is one request; none carries the change itself.
//
//	Unchanged  all groups as last applied    accepted: the change is to blame
//	LeaveOut   all but one source's          accepted: that source is to blame
//	AddUp      one source's more each time   refused:  that source is to blame
//
// LeaveOut finds a single culprit, and DeepCall keeps all others' groups meanwhile under both
// readings of its page. Only when that fails, since there are several, are the sources added up.
type Inquiry struct {
	// Step is what is sent next.
	Step Step
	// Suspects are the owners still to be tried in this step, the next first.
	Suspects []string
	// Cleared are the owners whose groups were accepted while adding up.
	Cleared []string
	// Guilty are the owners whose groups DeepCall refuses.
	Guilty []string
}

// Step of an inquiry. The zero value is no inquiry.
type Step int

const (
	// Unchanged sends what was applied before.
	Unchanged Step = iota + 1
	// LeaveOut sends that without the next suspect's groups.
	LeaveOut
	// AddUp sends the next suspect's groups together with those cleared.
	AddUp
	// Closed has its answer: Guilty, or the change itself if there are none.
	Closed
)

// Inquire begins an inquiry into the refusal of a request for the source self. It is false when
// nobody else's groups rode along: the refusal is the source's own.
func Inquire(sources []Claims, changes []Change, self int) (Inquiry, bool) {
	if len(riders(sources, changes, self)) == 0 {
		return Inquiry{}, false
	}
	if changes[self].Pending {
		return Inquiry{Step: Unchanged}, true
	}
	return leaveOut(sources, changes), true // the request was what is applied already
}

func leaveOut(sources []Claims, changes []Change) Inquiry {
	holders := holders(sources, changes)
	if len(holders) <= 1 {
		return Inquiry{Step: Closed, Guilty: holders}
	}
	return Inquiry{Step: LeaveOut, Suspects: holders}
}

// Request is what the inquiry sends next.
func (q Inquiry) Request(sources []Claims, changes []Change) Groups {
	groups := Groups{}
	for i, s := range sources {
		suspect := len(q.Suspects) > 0 && s.Owner == q.Suspects[0]
		switch {
		case q.Step == LeaveOut && suspect:
		case q.Step == AddUp && !suspect && !slices.Contains(q.Cleared, s.Owner):
		default:
			maps.Copy(groups, rides(sources, changes, i))
		}
	}
	return groups
}

// Next is the inquiry after DeepCall accepted or refused its request.
func (q Inquiry) Next(sources []Claims, changes []Change, accepted bool) Inquiry {
	next := q
	switch {
	case q.Step == Unchanged && accepted:
		return Inquiry{Step: Closed}
	case q.Step == Unchanged:
		return leaveOut(sources, changes)
	case q.Step == LeaveOut && accepted:
		return Inquiry{Step: Closed, Guilty: q.Suspects[:1]}
	case q.Step == LeaveOut:
		next.Suspects = q.Suspects[1:]
		if len(next.Suspects) > 0 {
			return next
		}
		if all := holders(sources, changes); len(all) > 0 {
			return Inquiry{Step: AddUp, Suspects: all}
		}
		return Inquiry{Step: Closed}
	case accepted:
		next.Cleared = append(slices.Clone(q.Cleared), q.Suspects[0])
	default:
		next.Guilty = append(slices.Clone(q.Guilty), q.Suspects[0])
	}
	next.Suspects = q.Suspects[1:]
	if len(next.Suspects) == 0 {
		next.Step = Closed
	}
	return next
}

// holders are the owners of sources that hold anything, in order.
func holders(sources []Claims, changes []Change) []string {
	var owners []string
	for i, s := range sources {
		if len(rides(sources, changes, i)) > 0 {
			owners = append(owners, s.Owner)
		}
	}
	return owners
}
