package plan

import (
	"hash/fnv"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Priority of a request within its account. Its values are those of dispatch.Priority.
type Priority int

const (
	// PriorityPeriodicResync is for groups that are sent again after the resync interval.
	PriorityPeriodicResync Priority = iota
	// PriorityRequestedResync is for groups that are sent again on request.
	PriorityRequestedResync
	// PriorityRetry is for a change that failed before.
	PriorityRetry
	// PriorityEdit is for a change that was not sent yet, also a deletion.
	PriorityEdit
)

// The delays of retries double from the first to the longest one.
const (
	FirstRetry = time.Second
	MaxRetry   = 5 * time.Minute
	// FirstDeniedRetry and MaxDeniedRetry are for an agent that is denied while its account is usable.
	FirstDeniedRetry = 5 * time.Minute
	MaxDeniedRetry   = time.Hour
)

// retryDelay returns the delay after this many transient failures in a row, at least one: 1 s, doubling up to 5 min.
func retryDelay(failures int, jitter float64) time.Duration {
	return exponentialDelay(FirstRetry, MaxRetry, failures, jitter)
}

// deniedDelay is the delay after this many denials in a row, at least one: 5 min, doubling up to 1 h.
func deniedDelay(failures int, jitter float64) time.Duration {
	return exponentialDelay(FirstDeniedRetry, MaxDeniedRetry, failures, jitter)
}

// exponentialDelay doubles a delay after each failure but the first. Jitter, in [0,1), varies it by up to a quarter, so that
// requests that failed together are not repeated together.
func exponentialDelay(first, limit time.Duration, failures int, jitter float64) time.Duration {
	delay := first
	for i := 1; i < failures && delay < limit; i++ {
		delay = min(2*delay, limit)
	}
	variation := time.Duration(jitter * float64(delay) / 4)
	if delay == limit {
		return delay - variation
	}
	return min(delay+variation, limit)
}

// NextResync returns when the resync interval of a mapping ends, as far as its status states it; zero is never.
func NextResync(m *v1alpha1.AgentGroupMapping) time.Time {
	return nextResync(m, reason.Rejected(m.Status.Conditions, m.Generation), time.Time{})
}

// nextResync returns when the resync interval of a mapping ends; zero is never. The interval begins with the last answer. A resync
// is overdue if the status has applied groups but no lastSyncTime.
func nextResync(m *v1alpha1.AgentGroupMapping, rejected bool, rejectedAt time.Time) time.Time {
	var last time.Time
	switch synced := m.Status.LastSyncTime; {
	case synced != nil:
		last = synced.Time
	case len(m.Status.AppliedGroups) > 0:
		last = time.Unix(0, 0)
	}
	if at := lastRejection(m, rejectedAt); rejected && at.After(last) {
		last = at
	}
	if last.IsZero() || m.Spec.ResyncInterval == nil {
		return time.Time{}
	}
	return ResyncAt(string(m.UID), last, m.Spec.ResyncInterval.Duration)
}

// lastRejection returns when DeepCall last rejected the mapping. The status does not contain the time of a rejection without a code,
// such as HTTP 413: then it is rejectedAt, which a restart loses, or the time of the first rejection.
func lastRejection(m *v1alpha1.AgentGroupMapping, rejectedAt time.Time) time.Time {
	stalled := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionStalled)
	if rejectedAt.IsZero() && stalled != nil {
		rejectedAt = stalled.LastTransitionTime.Time
	}
	if answer := m.Status.LastResponse; answer != nil && answer.Time.After(rejectedAt) {
		return answer.Time.Time
	}
	return rejectedAt
}

// ResyncAt returns when groups that were last sent at the given time are sent again: after the interval, plus or minus a tenth.
// The variation depends only on the arguments, so that a restart does not change it. The result is zero, for never, if the
// interval is zero.
func ResyncAt(seed string, last time.Time, interval time.Duration) time.Time {
	if interval <= 0 {
		return time.Time{}
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(seed + "@" + strconv.FormatInt(last.Unix(), 10)))
	variation := float64(hash.Sum64()%2001)/1000 - 1
	return last.Add(interval + time.Duration(variation*float64(interval)/10))
}
