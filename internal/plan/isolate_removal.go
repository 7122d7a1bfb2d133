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
// A removal that is rejected beside groups that are accepted both before and after it counts as removed. That the groups
// are accepted before is not required of the only removal if the answers follow each other. The zero value sends all
// removals together.
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
// discards them, so that the isolation would not end where answers fail now and then if there were more.
const maxRejectedRemovals = 10

// interrupted returns the isolation after a request without a conclusive answer. Earlier rejections prove nothing beside
// groups that are accepted some time later.
func (t RemovalIsolation) interrupted() RemovalIsolation {
	if t.Step == AllRemovals {
		return t
	}
	return RemovalIsolation{Step: WithoutRemovals, Removed: t.Removed}
}

// with returns the isolation for the present rest of the request. A removal proves something only beside groups that
// DeepCall is known to accept, or alone.
func (t RemovalIsolation) with(rest Groups) RemovalIsolation {
	switch {
	case t.Step == AllRemovals:
		return t
	case len(rest) == 0:
		return RemovalIsolation{Step: OneRemoval, Removed: t.Removed}
	case !maps.Equal(rest, t.Rest):
		return RemovalIsolation{Step: WithoutRemovals, Removed: t.Removed}
	default:
		return t
	}
}

// next are those of the change's removals that the next request contains.
func (t RemovalIsolation) next(all []string) []string {
	switch t.Step {
	case WithoutRemovals:
		return nil
	case OneRemoval:
		if len(t.Rejected) >= maxRejectedRemovals {
			return nil
		}
		untried := without(all, t.Rejected)
		return untried[:min(1, len(untried))]
	default:
		return all
	}
}

// progress is what DeepCall's answer to a request means for the change.
type progress struct {
	// applied is what DeepCall has for the mapping now.
	applied Groups
	// isolation continues unless done is set.
	isolation RemovalIsolation
	done      bool
}

// accepted returns the progress when DeepCall accepted the request, and with it the rest beside which removals were rejected.
func (r Request) accepted() progress {
	done := append(slices.Clone(r.isolation.Rejected), r.Removals...)
	removed := append(slices.Clone(r.isolation.Removed), done...)
	return r.progress(done, RemovalIsolation{Step: OneRemoval, Rest: r.rest(), Removed: removed})
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
		return r.progress(r.Removals, next), true
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

// progress returns the progress when DeepCall has the desired groups and these removals are done.
func (r Request) progress(done []string, next RemovalIsolation) progress {
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
