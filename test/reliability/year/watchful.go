package year

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// answers are what is known of an account's calls, for R10.
type answers struct {
	// denied is when DeepCall last refused the account; zero if it did not since it last answered otherwise, the
	// credentials changed or the manager began.
	denied time.Time
	// refusals in a row, of which those of calls in flight together count once.
	refusals int
}

// A refused account is tried again after 5 minutes, and then after twice as long each time, up to an hour.
const (
	firstProbe = 5 * minute
	lastProbe  = hour
)

// heldUntil is when a refused account may be called again.
func (a *answers) heldUntil() time.Time {
	if a.denied.IsZero() {
		return time.Time{}
	}
	wait := firstProbe
	for range a.refusals - 1 {
		wait = min(2*wait, lastProbe)
	}
	return a.denied.Add(wait)
}

func (a *answers) refused(now time.Time) {
	if now.Before(a.heldUntil()) {
		return // it was in flight when the first refusal came
	}
	a.denied = now
	a.refusals++
}

// called judges whether there is a reason for a call at this moment.
func (w *world) called(b *brand, agent string) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = now
	w.calls++
	w.tally.calls[b.account]++
	w.tally.minutes[b.account].add(now)
	w.tally.seconds[b.account].add(now)
	a := w.answers[b.account]
	if now.Before(a.heldUntil().Add(-time.Second)) {
		w.violateLocked("R10: a call with credentials that DeepCall refused %s ago, %d times in a row", now.Sub(a.denied), a.refusals)
	}
	if !w.hasReason(b.account, agent, now) {
		w.violateLocked("R2: a call for agent %s of %s, for which there is no reason", agent, b.account)
	}
}

// ended takes in how a call ended, and what DeepCall holds by now.
func (w *world) ended(b *brand, agent string, code int) {
	now := time.Now()
	var holds map[string]string
	if agent != "" {
		holds = b.holds(agent)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = now
	switch a := w.answers[b.account]; {
	case slices.Contains([]int{1014, 1039}, code):
		a.refused(now)
	case code == 200:
		w.tally.accepted[b.account]++
		*a = answers{}
	case code >= 1000:
		*a = answers{} // it takes the credentials
	}
	if agent != "" {
		w.compare(b.account, agent, holds)
	}
}

// compare notes which declared groups stand wrong in DeepCall, and since when. The caller holds mu.
func (w *world) compare(account, agent string, holds map[string]string) {
	key := agentKey(account, agent)
	declared := map[string]bool{}
	for _, r := range w.rolesOf(account, agent) {
		if mapping := w.stored(r); mapping != nil && mapping.DeletionTimestamp == nil {
			for _, group := range mapping.Spec.Groups {
				declared[group.GroupID] = group.ReceiveCall
			}
		}
	}
	was := w.wrong[key]
	w.wrong[key] = map[string]time.Time{}
	for group, receives := range declared {
		if holds[group] == yesNo(receives) {
			continue
		}
		since, before := was[group]
		if !before {
			since = time.Now()
		}
		w.wrong[key][group] = since
	}
}

func yesNo(receives bool) string {
	if receives {
		return "Y"
	}
	return "N"
}

// wrote counts a write to the API.
func (w *world) wrote(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = time.Now()
	w.tally.writes[what]++
}

func (w *world) credentialsChanged(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*w.answers[account] = answers{}
	w.changed = time.Now()
	w.tally.afresh++
}

func (w *world) rolesOf(account, agent string) (found []role) {
	for _, r := range w.roles {
		if r.account.Name == account && (agent == "" || r.agent == agent) {
			found = append(found, r)
		}
	}
	return found
}

// stored is a mapping as the API has it; nil when there is none.
func (w *world) stored(r role) *v1alpha1.AgentGroupMapping {
	o, err := w.kube.get(mappingKind, r.NamespacedName)
	if err != nil {
		return nil
	}
	var mapping v1alpha1.AgentGroupMapping
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o, &mapping); err != nil {
		panic(fmt.Sprintf("a mapping that can't be read: %v", err))
	}
	return &mapping
}

// hasReason is true when some mapping of the agent has something to send: a change, a removal, a
// request, a failure to make good, or a resync that is due. The caller holds mu.
func (w *world) hasReason(account, agent string, now time.Time) bool {
	return slices.ContainsFunc(w.rolesOf(account, agent), func(r role) bool {
		mapping := w.stored(r)
		if mapping == nil {
			return false
		}
		status := mapping.Status
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		refused := refusedByDeepCall(ready)
		switch {
		case mapping.DeletionTimestamp != nil, ready == nil, mapping.Generation != status.ObservedGeneration:
			return true
		case mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] != status.LastHandledReconcileAt:
			return true
		case ready.Status != metav1.ConditionTrue && !refused && ready.Reason != v1alpha1.ReasonSuspended:
			return true
		case w.lostAny(r, now):
			return true // what is refused leads to calls that find out who is to blame
		case mapping.Spec.Suspend || status.LastSyncTime == nil:
			return false
		}
		last := status.LastSyncTime.Time
		if refused && status.LastResponse != nil && status.LastResponse.Time.After(last) {
			last = status.LastResponse.Time.Time
		}
		return !plan.ResyncAt(string(mapping.UID), last, mapping.Spec.ResyncInterval.Duration).After(now)
	})
}

// refusedByDeepCall is true when DeepCall knows one of the groups no more.
func refusedByDeepCall(ready *metav1.Condition) bool {
	return ready != nil && ready.Reason == "InvalidGroupData"
}

// lostAny is true when DeepCall does not know a group of the mapping, or did not so lately before a time
// that it need not be healed by then. The caller holds mu.
func (w *world) lostAny(r role, now time.Time) bool {
	for group, v := range w.lost {
		if strings.HasPrefix(group, r.Name+".") && (v.lasts() || !w.late(r, v.to, now)) {
			return true
		}
	}
	return false
}
