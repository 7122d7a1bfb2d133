package plan

import (
	"maps"
	"slices"
)

// RemovalIsolation finds which removals DeepCall rejects. DeepCall rejects a request as a whole when one of its groups no
// longer exists (1505), and such a group needs no removal.
//
//	AllRemovals       the change with all removals   rejected: without removals, to see whether one of them is at fault
//	WithoutRemovals   the change alone               accepted: a batch of half of the removals
//	SomeRemovals      the change and one batch       rejected: half of this batch, or if it is a single removal, the next one
//	                                                 accepted: half of the rest of a rejected batch, else twice as many
//
// So n removals take about 2 log2(n) requests for each group that does not exist, and never much more than n.
//
// An accepted batch is removed. A rejected batch proves nothing, until it is a single removal that is rejected beside groups
// that are accepted both before and after it: that counts as removed. An only removal that is rejected at once needs no
// acceptance before. The zero value sends all removals together.
type RemovalIsolation struct {
	// Step is what the next request contains.
	Step RemovalStep
	// Batch is the maximum number of removals in a request of SomeRemovals, which takes the first that were not rejected alone.
	Batch int
	// Suspects is how many of these first removals are expected to be rejected together. It only helps to choose the batch.
	Suspects int
	// Rest are the groups of the request beside its removals, as last sent.
	Rest Groups
	// Rejected are the removals that were rejected alone beside Rest since it was last accepted.
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
	// SomeRemovals sends the change with the next batch of removals. After the last one, or maxRejectedRemovals, it sends the
	// change without removals again.
	SomeRemovals
)

// maxRejectedRemovals is how many removals are rejected before the rest is sent again to confirm them. An interruption
// discards unconfirmed ones, so that without a maximum the isolation might never end while some requests fail.
const maxRejectedRemovals = 10

// underWay reports whether a rejection is being isolated.
func (r RemovalIsolation) underWay() bool {
	return r.Step != AllRemovals
}

// interrupted returns the isolation after a request without a conclusive answer. Rejections before it prove nothing beside
// groups that are accepted some time later.
func (r RemovalIsolation) interrupted() RemovalIsolation {
	if !r.underWay() {
		return r
	}
	return r.restart(WithoutRemovals)
}

// restart returns the isolation at a step, without the proofs so far.
func (r RemovalIsolation) restart(step RemovalStep) RemovalIsolation {
	r.Step, r.Rest, r.Rejected = step, nil, nil
	return r
}

// with returns the isolation for a request with this rest. The rejection of a removal proves something only beside groups
// that DeepCall is known to accept, or alone.
func (r RemovalIsolation) with(rest Groups) RemovalIsolation {
	switch {
	case !r.underWay():
		return r
	case len(rest) == 0:
		return r.restart(SomeRemovals)
	case !maps.Equal(rest, r.Rest):
		return r.restart(WithoutRemovals)
	default:
		return r
	}
}

// next returns those of the change's removals that the next request contains.
func (r RemovalIsolation) next(all []string) []string {
	switch {
	case !r.underWay():
		return all
	case r.Step == WithoutRemovals, len(r.Rejected) >= maxRejectedRemovals:
		return nil
	default:
		untried := without(all, r.Rejected)
		return untried[:min(r.Batch, len(untried))]
	}
}

// resize returns the isolation with the next batch, after a request with this many removals was accepted or rejected.
func (r RemovalIsolation) resize(removals int, accepted bool) RemovalIsolation {
	switch {
	case removals == 0:
		return r
	case !accepted:
		r.Suspects = removals
	default:
		r.Suspects -= removals
	}
	if r.Suspects > 0 {
		r.Batch = max(1, r.Suspects/2)
	} else {
		r.Batch, r.Suspects = 2*removals, 0
	}
	return r
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
	next := r.isolation.resize(len(r.Removals), true)
	next.Step, next.Rest, next.Rejected = SomeRemovals, r.rest(), nil
	next.Removed = append(slices.Clone(r.isolation.Removed), done...)
	return r.progressAfter(done, next)
}

// rejected returns the progress when DeepCall rejected the groups of the request (1505). It reports false when the request
// contained no removal: then the rejection has another cause.
func (r Request) rejected() (progress, bool) {
	if len(r.Removals) == 0 {
		return progress{}, false
	}
	rest := r.rest()
	next := r.isolation.resize(len(r.Removals), false)
	if next.Step == AllRemovals {
		next.Step, next.Rest = WithoutRemovals, rest
	}
	switch {
	case len(r.Removals) == 1 && len(rest) == 0:
		next.Removed = append(slices.Clone(r.isolation.Removed), r.Removals...)
		return r.progressAfter(r.Removals, next), true
	case len(r.Removals) == 1:
		next.Rejected = append(slices.Clone(r.isolation.Rejected), r.Removals...)
	}
	return progress{applied: r.input.applied, isolation: next}, true
}

// progressAfter returns the progress when DeepCall has the desired groups and these removals are done.
func (r Request) progressAfter(done []string, next RemovalIsolation) progress {
	left := without(r.change.removals, done)
	applied := r.change.applied()
	for _, group := range left {
		if receives, has := r.input.applied[group]; has {
			applied[group] = receives && !r.input.appliedElsewhere // else requests for other mappings would enable it here
		}
	}
	if len(left) == 0 {
		return progress{applied: applied, done: true}
	}
	return progress{applied: applied, isolation: next}
}
