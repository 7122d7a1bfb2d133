package controller

import (
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// resyncAt is the earliest time at which a member's groups are, or were, to be sent again.
func (v *view) resyncAt() time.Time {
	var earliest time.Time
	for _, m := range v.members {
		resyncs := !m.resyncAt.IsZero() && !m.claims.Removing && len(m.change.Target) > 0
		if resyncs && (earliest.IsZero() || m.resyncAt.Before(earliest)) {
			earliest = m.resyncAt
		}
	}
	return earliest
}

// due is true when the groups are to be sent again although nothing changed.
func (m *member) due(now time.Time) bool {
	if m.claims.Suspended {
		return false
	}
	m.resyncAt = m.nextResync()
	switch {
	case m.requested != "":
		return true
	case m.resyncAt.IsZero():
		return false
	case m.resyncAt.After(now):
		m.wakeBy(m.resyncAt)
		return false
	default:
		return true
	}
}

// nextResync is when the resync interval ends; zero is never.
func (m *member) nextResync() time.Time {
	last, interval := lastAnswered(m.mapping, m.refused), m.mapping.Spec.ResyncInterval
	if last.IsZero() || interval == nil {
		return time.Time{}
	}
	return plan.ResyncAt(string(m.mapping.UID), last, interval.Duration)
}

// lastAnswered is from when the next resync counts.
func lastAnswered(mapping *v1alpha1.AgentGroupMapping, refused bool) time.Time {
	var last time.Time
	if synced := mapping.Status.LastSyncTime; synced != nil {
		last = synced.Time
	}
	if answer := mapping.Status.LastResponse; refused && answer != nil && answer.Time.After(last) {
		last = answer.Time.Time
	}
	return last
}
