package plan

import (
	"maps"
	"slices"
)

// RemovalIsolation finds which removals DeepCall rejects. DeepCall rejects a request as a whole when one of its groups no
// longer exists (1505), and such a group needs no removal.
//
//	AllRemovals       the change with all removals   rejected: without removals, to see whether one of them is at fault
//	WithoutRemovals   the change alone               accepted: one removal at a time
//	OneRemoval        the change and one removal     rejected: try the next one, then the change alone again
//
// A removal that is rejected beside groups that are accepted both before and after it counts as removed. An only removal that
// is rejected at once needs no acceptance before. The zero value sends all removals together.
type RemovalIsolation struct {
	// Step is what the next request contains.
	Step RemovalStep
	// Rest are the groups of the request beside its removals, as last sent.
	Rest Groups
	// Rejected are the removals that were rejected one by one beside Rest since it was last accepted.
	Rejected []string
	// Removed are the removals that are done.
	Removed []string
}

// RemovalStep is what the next request of a RemovalIsolation contains.
type RemovalStep int

const (
	// AllRemovals sends the change with all its removals.
	AllRemovals RemovalStep = iota
	// WithoutRemovals sends the change without removals.
	WithoutRemovals
	// OneRemoval sends the change with the first removal that was not rejected. After the last one, or maxRejectedRemovals,
	// it sends the change without removals again.
	OneRemoval
)

// maxRejectedRemovals is how many removals are rejected before the rest is sent again to confirm them. An interruption
// discards unconfirmed ones, so that without a maximum the isolation might never end while some requests fail.
const maxRejectedRemovals = 10

// interrupted returns the isolation after a request without a conclusive answer. Rejections before it prove nothing beside
// groups that are accepted some time later.
func (r RemovalIsolation) interrupted() RemovalIsolation {
	if r.Step == AllRemovals {
		return r
	}
	return RemovalIsolation{Step: WithoutRemovals, Removed: r.Removed}
}

// with returns the isolation for a request with this rest. The rejection of a removal proves something only beside groups
// that DeepCall is known to accept, or alone.
func (r RemovalIsolation) with(rest Groups) RemovalIsolation {
	switch {
	case r.Step == AllRemovals:
		return r
	case len(rest) == 0:
		return RemovalIsolation{Step: OneRemoval, Removed: r.Removed}
	case !maps.Equal(rest, r.Rest):
		return RemovalIsolation{Step: WithoutRemovals, Removed: r.Removed}
	default:
		return r
	}
}

// next returns those of the change's removals that the next request contains.
func (r RemovalIsolation) next(all []string) []string {
	switch r.Step {
	case WithoutRemovals:
		return nil
	case OneRemoval:
		if len(r.Rejected) >= maxRejectedRemovals {
			return nil
		}
		untried := without(all, r.Rejected)
		return untried[:min(1, len(untried))]
	default:
		return all
	}
}

// progress is how far a change has come after DeepCall's answer to a request.
type progress struct {
	// applied are the groups that DeepCall has for the mapping now.
	applied Groups
	// isolation is how the removals continue unless done is set.
	isolation RemovalIsolation
	done      bool
}

// accepted returns the progress when DeepCall accepted the request, and with it the rest beside which removals were rejected.
func (r Request) accepted() progress {
	done := append(slices.Clone(r.isolation.Rejected), r.Removals...)
	removed := append(slices.Clone(r.isolation.Removed), done...)
	return r.progressAfter(done, RemovalIsolation{Step: OneRemoval, Rest: r.rest(), Removed: removed})
}

// rejected returns the progress when DeepCall rejected the groups of the request (1505). It reports false when the request
// contained no removal: then the rejection has another cause.
func (r Request) rejected() (progress, bool) {
	rest := r.rest()
	next := r.isolation
	switch {
	case len(r.Removals) == 0:
		return progress{}, false
	case len(r.Removals) == 1 && len(rest) == 0:
		next.Step, next.Removed = OneRemoval, append(slices.Clone(r.isolation.Removed), r.Removals...)
		return r.progressAfter(r.Removals, next), true
	case r.isolation.Step == OneRemoval:
		next.Rejected = append(slices.Clone(r.isolation.Rejected), r.Removals...)
	case len(rest) == 0:
		next.Step = OneRemoval
	default:
		next.Step, next.Rest = WithoutRemovals, rest
		if len(r.Removals) == 1 {
			next.Rejected = r.Removals
		}
	}
	return progress{applied: r.input.applied, isolation: next}, true
}

// progressAfter returns the progress when DeepCall has the desired groups and these removals are done.
func (r Request) progressAfter(done []string, next RemovalIsolation) progress {
	left := without(r.change.removals, done)
	applied := r.change.applied()
	for _, group := range left {
		if receives, has := r.input.applied[group]; has {
			applied[group] = receives
		}
	}
	if len(left) == 0 {
		return progress{applied: applied, done: true}
	}
	return progress{applied: applied, isolation: next}
}
