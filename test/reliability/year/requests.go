package year

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// denial tracks the Denied answers of an account, for R10. It is reset by any other answer of DeepCall, by new
// credentials and by a restart of the manager.
type denial struct {
	at    time.Time // the time of the last Denied answer, or zero
	count int       // answers in a row; those of concurrent requests count once
	agent string    // the agent of the first one
	// confirmed reports whether a request of another agent followed before the next probe, which is allowed once.
	confirmed bool
}

// A denied account is probed after 5 minutes, then after twice as long each time, up to an hour.
const (
	firstProbe = 5 * minute
	lastProbe  = hour
)

// nextProbe returns the earliest time of the next request.
func (d *denial) nextProbe() time.Time {
	if d.at.IsZero() {
		return time.Time{}
	}
	wait := firstProbe
	for range d.count - 1 {
		wait = min(2*wait, lastProbe)
	}
	return d.at.Add(wait)
}

func (d *denial) record(now time.Time, agent string) {
	if now.Before(d.nextProbe()) {
		return // the request was in flight when the first one was denied, or confirms that
	}
	if d.count == 0 {
		d.agent = agent
	}
	d.at = now
	d.count++
}

// onRequest checks that the request is allowed and expected at this time.
func (e *testEnv) onRequest(s *simulator, agent string) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastActivity = now
	e.requests++
	e.stats.requests[s.account]++
	e.stats.perMinute[s.account].add(now)
	e.stats.perSecond[s.account].add(now)
	switch d := e.denials[s.account]; {
	case !now.Before(d.nextProbe().Add(-time.Second)):
	case agent != d.agent && !d.confirmed:
		d.confirmed = true
	default:
		e.violateLocked("R10: a request with credentials that DeepCall denied %s ago, %d times in a row", now.Sub(d.at), d.count)
	}
	if !e.isExpected(s.account, agent, now) {
		e.violateLocked("R2: an unexpected request for agent %s of %s", agent, s.account)
	}
}

// onResponse records the answer to a request and its effect in DeepCall.
func (e *testEnv) onResponse(s *simulator, agent string, code int) {
	now := time.Now()
	var groups map[string]string
	if agent != "" {
		groups = s.groups(agent)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastActivity = now
	switch d := e.denials[s.account]; {
	case isDenial(code):
		d.record(now, agent)
	case code == http.StatusOK:
		e.stats.accepted[s.account]++
		*d = denial{}
	case code >= 1000:
		*d = denial{} // DeepCall accepts the credentials
	}
	if agent == "" {
		return
	}
	e.updateMismatches(s.account, agent, groups)
	if code != http.StatusOK {
		e.recordFailure(s.account, agent, code)
	}
}

// recordFailure counts the failed request of an agent if it can change the status of a mapping that waits for it: the first one of
// a change, and each denial of added groups, since it proves that none was added, so the next request records them again.
// Agents are probed in turn, so the first one can come hours after the change. Refused connections are not counted. The
// caller holds mu.
func (e *testEnv) recordFailure(account, agent string, code int) {
	for _, f := range e.fixturesOf(account, agent) {
		mapping := e.storedMapping(f)
		if mapping == nil || mapping.Spec.Suspend || isReady(mapping) {
			continue
		}
		isFirst := e.failedGenerations[mapping.UID] != mapping.Generation
		addsGroups := plan.AttemptOf(mapping).Number > mapping.Status.AnsweredAttempt
		if !isFirst && !(isDenial(code) && addsGroups) {
			continue
		}
		e.failedGenerations[mapping.UID] = mapping.Generation
		e.stats.recordedFailures++
		if addsGroups {
			e.stats.recordedAttempts++
		}
		return // a request is sent for one mapping
	}
}

func isDenial(code int) bool { return code == 1014 || code == 1039 }

// onWrite counts a write to the API server.
func (e *testEnv) onWrite(description string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastActivity = time.Now()
	e.stats.writes[description]++
}

// updateMismatches records which declared groups differ in DeepCall, and since when. The caller holds mu.
func (e *testEnv) updateMismatches(account, agent string, groups map[string]string) {
	key := agentKey(account, agent)
	declared := map[string]bool{}
	for _, f := range e.fixturesOf(account, agent) {
		if mapping := e.storedMapping(f); mapping != nil && mapping.DeletionTimestamp == nil {
			for _, group := range mapping.Spec.Groups {
				declared[group.GroupID] = group.ReceiveCall
			}
		}
	}
	before := e.mismatches[key]
	e.mismatches[key] = map[string]time.Time{}
	for group, receives := range declared {
		if groups[group] == yesNo(receives) {
			continue
		}
		since, known := before[group]
		if !known {
			since = time.Now()
		}
		e.mismatches[key][group] = since
	}
}

func yesNo(receives bool) string {
	if receives {
		return "Y"
	}
	return "N"
}

// fixturesOf returns the mappings of an agent, or of an account if agent is empty.
func (e *testEnv) fixturesOf(account, agent string) (found []fixture) {
	for _, f := range e.fixtures {
		if f.account.Name == account && (agent == "" || f.agent == agent) {
			found = append(found, f)
		}
	}
	return found
}

// storedMapping returns the mapping in the API server, or nil if there is none.
func (e *testEnv) storedMapping(f fixture) *v1alpha1.AgentGroupMapping {
	o, err := e.apiServer.get(mappingKind, f.NamespacedName)
	if err != nil {
		return nil
	}
	var mapping v1alpha1.AgentGroupMapping
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o, &mapping); err != nil {
		panic(fmt.Sprintf("decode a mapping: %v", err))
	}
	return &mapping
}

// isExpected reports whether a mapping of the agent has a reason to send: a change, a removal, a requested
// resync, a retry or a resync that is due. The caller holds mu.
func (e *testEnv) isExpected(account, agent string, now time.Time) bool {
	return slices.ContainsFunc(e.fixturesOf(account, agent), func(f fixture) bool {
		mapping := e.storedMapping(f)
		if mapping == nil {
			return false
		}
		status := mapping.Status
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		rejected := ready != nil && ready.Reason == "InvalidGroupData"
		switch {
		case mapping.DeletionTimestamp != nil, ready == nil, mapping.Generation != status.ObservedGeneration:
			return true
		case mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] != status.LastHandledReconcileAt:
			return true
		case ready.Status != metav1.ConditionTrue && !rejected && ready.Reason != v1alpha1.ReasonSuspended:
			return true
		case e.hasDeletedGroup(f, now):
			return true // further requests isolate the rejected mapping
		case mapping.Spec.Suspend || status.LastSyncTime == nil:
			return false
		}
		last := status.LastSyncTime.Time
		if rejected && status.LastResponse != nil && status.LastResponse.Time.After(last) {
			last = status.LastResponse.Time.Time
		}
		return !plan.ResyncAt(string(mapping.UID), last, mapping.Spec.ResyncInterval.Duration).After(now)
	})
}
