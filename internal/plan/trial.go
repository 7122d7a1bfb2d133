package plan

import "slices"

// Trial is how far a refused removal was taken apart. DeepCall refuses a request as a whole when
// one group in it no longer exists (1505), and such a group needs no stopping. So the change is
// sent without its stops first; once that is accepted, the stops follow one at a time, and a stop
// that is refused by itself counts as removed. The zero Trial sends everything together.
type Trial struct {
	// Phase is what is sent next.
	Phase Phase
	// Gone are the stopped groups that are through, or that DeepCall no longer knows.
	Gone []string
}

// Phase is what a trial sends next.
type Phase int

const (
	// Together sends the target and all stops.
	Together Phase = iota
	// WithoutStops sends the target alone, to see whether a stop is to blame.
	WithoutStops
	// OneStop sends the target and the first of the stops.
	OneStop
)

func (t Trial) stops(stops []string) []string {
	switch {
	case t.Phase == WithoutStops || len(stops) == 0:
		return nil
	case t.Phase == OneStop:
		return stops[:1]
	default:
		return stops
	}
}

// Through is true when an accepted request of this phase completes a change with these stops.
func (t Trial) Through(stops []string) bool {
	return len(t.stops(stops)) == len(stops)
}

// Accepted is the trial after DeepCall accepted a request that did not complete the change.
func (t Trial) Accepted(stops []string) Trial {
	if t.Phase == OneStop {
		return Trial{Phase: OneStop, Gone: append(slices.Clone(t.Gone), stops[0])}
	}
	// Everything but the stops is fine. A single stop was thereby refused by itself already.
	if len(stops) == 1 {
		return Trial{Phase: OneStop, Gone: stops}
	}
	return Trial{Phase: OneStop}
}

// Refused is the trial after DeepCall refused the groups (1505) of a request that carried others
// groups beside the stops. It is false when the stops are not to blame: the change itself is refused.
func (t Trial) Refused(stops []string, others int) (Trial, bool) {
	switch {
	case len(t.stops(stops)) == 0:
		return Trial{}, false
	case t.Phase == OneStop || (len(stops) == 1 && others == 0):
		return Trial{Phase: OneStop, Gone: append(slices.Clone(t.Gone), stops[0])}, true
	case others == 0:
		return Trial{Phase: OneStop}, true
	default:
		return Trial{Phase: WithoutStops}, true
	}
}

// Done is true when all stops are through.
func (t Trial) Done(stops []string) bool {
	return len(t.Gone) > 0 && !slices.ContainsFunc(stops, func(group string) bool { return !slices.Contains(t.Gone, group) })
}

// Stops is how many of the stops this phase sends.
func (t Trial) Stops(stops []string) int {
	return len(t.stops(stops))
}
