package plan

import (
	"maps"
	"slices"
)

// Trial is how far a refused removal was taken apart. DeepCall refuses a request as a whole when
// one group in it no longer exists (1505), and such a group needs no stopping. So the change is
// sent without its stops first; once that is accepted, the stops follow one at a time. A stop
// that is refused beside a rest that is accepted afterwards counts as removed. That nothing else
// can be the cause, the rest is accepted before, too, unless the stop was the only one and the
// answers follow each other. The zero Trial sends everything together.
type Trial struct {
	// Phase is what is sent next.
	Phase Phase
	// Base is the rest of the request, beside its stops, as it was last sent.
	Base Groups
	// Refused are the stops that were refused by themselves beside Base since it was last accepted.
	Refused []string
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
	// OneStop sends the target and the first of the stops that was not refused; after the last one, or some
	// that were, the target alone again.
	OneStop
)

// Interrupted is the trial once a call got no answer that says anything of it: what was refused before proves
// nothing beside what is accepted some time later.
func (t Trial) Interrupted() Trial {
	if t.Phase == Together {
		return t
	}
	return Trial{Phase: WithoutStops, Gone: t.Gone}
}

// beside is the trial when this is the rest of the request by now. A stop proves something only beside
// what DeepCall is known to accept, or all alone.
func (t Trial) beside(rest Groups) Trial {
	switch {
	case t.Phase == Together:
		return t
	case len(rest) == 0:
		return Trial{Phase: OneStop, Gone: t.Gone}
	case !maps.Equal(rest, t.Base):
		return Trial{Phase: WithoutStops, Gone: t.Gone}
	default:
		return t
	}
}

// mostRefused is how many stops may be refused before the rest is sent again to confirm them. Until then an interruption
// has them all tried again, so that with more a trial might not end where answers fail now and then.
const mostRefused = 10

// stops are those of the change's stops that are sent next.
func (t Trial) stops(all []string) []string {
	switch t.Phase {
	case WithoutStops:
		return nil
	case OneStop:
		open := without(all, t.Refused)
		if len(t.Refused) >= mostRefused {
			return nil
		}
		return open[:min(1, len(open))]
	default:
		return all
	}
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

// Accepted is the progress when DeepCall accepted the call, and with it the rest that stops were
// refused beside.
func (c Call) Accepted() Progress {
	through := append(slices.Clone(c.trial.Refused), c.Stops...)
	return c.progress(through, Trial{Phase: OneStop, Base: c.rest(), Gone: append(slices.Clone(c.trial.Gone), through...)})
}

// Refused is the progress when DeepCall refused the groups of the call (1505). It is false when
// the call carried no stop: then the refusal is of something else.
func (c Call) Refused() (Progress, bool) {
	rest := c.rest()
	alone := len(c.Stops) == 1 && len(rest) == 0
	next := c.trial
	switch {
	case len(c.Stops) == 0:
		return Progress{}, false
	case alone:
		next.Phase, next.Gone = OneStop, append(slices.Clone(c.trial.Gone), c.Stops...)
		return c.progress(c.Stops, next), true
	case c.trial.Phase == OneStop:
		next.Refused = append(slices.Clone(c.trial.Refused), c.Stops...)
	case len(rest) == 0:
		next.Phase = OneStop
	default:
		next.Phase, next.Base = WithoutStops, rest
		if len(c.Stops) == 1 {
			next.Refused = c.Stops
		}
	}
	return Progress{Applied: c.claims.Applied, Trial: next}, true
}

// progress is what follows when these stops are through, and DeepCall holds the target.
func (c Call) progress(through []string, next Trial) Progress {
	left := without(c.change.Stops, through)
	applied := c.change.Applied()
	for _, group := range left {
		if receives, has := c.claims.Applied[group]; has {
			applied[group] = receives
		}
	}
	if len(left) == 0 {
		return Progress{Applied: applied, Done: true}
	}
	return Progress{Applied: applied, Trial: next}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(some, one) })
}
