package plan

import (
	"maps"
	"slices"
)

// Trial is how far a refused removal was taken apart. DeepCall refuses a request as a whole when
// one group in it no longer exists (1505), and such a group needs no stopping. So the change is
// sent without its stops first; once that is accepted, the stops follow one at a time, and a stop
// that is refused by itself counts as removed. The zero Trial sends everything together.
type Trial struct {
	// Phase is what is sent next.
	Phase Phase
	// Base is the rest of the request, beside its stops: refused with them when the trial began, and
	// accepted without them before the first single stop.
	Base Groups
	// Gone are the stops that are through.
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

// of are the stops that a phase sends.
func (p Phase) of(stops []string) []string {
	switch {
	case p == WithoutStops || len(stops) == 0:
		return nil
	case p == OneStop:
		return stops[:1]
	default:
		return stops
	}
}

// phase is what can be sent now. A single stop proves something only beside what DeepCall is known
// to accept, so when the rest has changed meanwhile, it goes first.
func (t Trial) phase(rest Groups) Phase {
	if t.Phase == OneStop && len(rest) > 0 && !maps.Equal(rest, t.Base) {
		return WithoutStops
	}
	return t.Phase
}

// Progress is what DeepCall's answer to a call means for the change.
type Progress struct {
	// Applied is what DeepCall holds for the source from now on.
	Applied Groups
	// Trial goes on, unless it is zero.
	Trial Trial
	// Done is true when the change is through.
	Done bool
}

// Accepted is the progress when DeepCall accepted the call.
func (c Call) Accepted() Progress {
	left := c.left()
	if c.phase == WithoutStops && len(left) == 1 && maps.Equal(c.Groups, c.claims.Trial.Base) {
		left = nil // the same with this one stop was refused just before: it was refused by itself
	}
	if len(left) == 0 {
		return Progress{Applied: c.change.Applied(), Done: true}
	}
	applied := c.change.Applied()
	for _, group := range left {
		if receives, has := c.claims.Applied[group]; has {
			applied[group] = receives
		}
	}
	return Progress{Applied: applied, Trial: Trial{Phase: OneStop, Base: c.rest(), Gone: c.gone()}}
}

// Refused is the progress when DeepCall refused the groups of the call (1505). It is false when
// the call carried no stop: then the refusal is of something else.
func (c Call) Refused() (Progress, bool) {
	rest := c.rest()
	switch {
	case len(c.Stops) == 0:
		return Progress{}, false
	case c.phase == OneStop || (len(c.Stops) == 1 && len(rest) == 0):
		applied := maps.Clone(c.claims.Applied)
		delete(applied, c.Stops[0])
		if len(c.left()) == 0 {
			return Progress{Applied: applied, Done: maps.Equal(applied, c.change.Applied())}, true
		}
		return Progress{Applied: applied, Trial: Trial{Phase: OneStop, Base: rest, Gone: c.gone()}}, true
	case len(rest) == 0:
		return Progress{Applied: c.claims.Applied, Trial: Trial{Phase: OneStop}}, true
	default:
		return Progress{Applied: c.claims.Applied, Trial: Trial{Phase: WithoutStops, Base: rest}}, true
	}
}

// left are the stops that the call does not carry.
func (c Call) left() []string {
	return slices.DeleteFunc(slices.Clone(c.change.Stops), func(group string) bool {
		return slices.Contains(c.Stops, group)
	})
}

// gone are the stops that are through once this call's are.
func (c Call) gone() []string {
	return append(slices.Clone(c.claims.Trial.Gone), c.Stops...)
}
