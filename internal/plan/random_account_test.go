package plan

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// As TestRandomHistories_end_as_desired, with an account that disappears, is misconfigured, unreachable, denied or being deleted, and
// that allows and forbids namespaces. Besides, Ready is true only while DeepCall has the declared groups (R1), and the next
// requeue is never in the past.
func TestRandomHistories_with_an_unreliable_account_end_as_desired(t *testing.T) {
	runHistories(t, func(h *history) error { return (&accountHistory{h}).run() })
}

type accountHistory struct{ *history }

func (h *accountHistory) run() error {
	h.meanwhile = h.permissionEvent
	h.unknown[missing] = true
	for range 1 + h.IntN(12) {
		if h.IntN(2) == 0 {
			h.accountEvent()
		} else {
			h.event(false)
		}
		for range h.IntN(4) {
			if err := h.request(); err != nil {
				return err
			}
		}
		if err := h.check(); err != nil {
			return err
		}
	}
	for _, m := range h.mappings {
		m.forbidden = false
	}
	h.setAccount("ready")
	return h.end(h.check)
}

func (h *accountHistory) request() error {
	next, ok := Plan(h.snapshot(), h.state).Next()
	if !ok || (h.account.Misconfigured && !next.Deleting) || !h.account.CanRemove {
		h.reconcile()
		return nil
	}
	if !h.account.Reachable { // a probe
		h.step([]fate{requestLost, denied}[h.IntN(2)], func() { h.logf("a probe fails") })
		return nil
	}
	return h.history.request()
}

func (h *accountHistory) accountEvent() {
	if h.IntN(3) == 0 {
		h.permissionEvent()
		return
	}
	h.setAccount([]string{"ready", "ready", "missing", "without Secret", "without Secret since the start", "unreachable", "deleting"}[h.IntN(7)])
}

// permissionEvent allows or forbids the namespace of a mapping.
func (h *accountHistory) permissionEvent() {
	live := h.live()
	if len(live) == 0 {
		return
	}
	m := live[h.IntN(len(live))]
	m.forbidden = !m.forbidden
	h.logf("%s is forbidden: %v", m.Name, m.forbidden)
	// Without permission, what is only in the annotation no longer counts, since a user can write it.
	for _, group := range AttemptOf(m.AgentGroupMapping).Groups {
		h.left[group] = true
	}
}

func (h *accountHistory) setAccount(state string) {
	before := h.account
	h.account = Account{
		Exists: true, Endpoint: endpoint, Reachable: true, CanRemove: true, Recoveries: before.Recoveries, ResyncRequested: before.ResyncRequested,
	}
	switch state {
	case "missing":
		h.account = Account{Reachable: true, Recoveries: before.Recoveries}
	case "without Secret":
		h.account.Misconfigured = true
	case "without Secret since the start":
		h.account.Misconfigured, h.account.CanRemove = true, false
	case "unreachable":
		h.account.Reachable = false
	case "deleting":
		h.account.Deleting = true
	}
	if h.account.ready() && !before.ready() {
		h.account.Recoveries++
	}
	h.logf("the account is %s", state)
}

func (h *accountHistory) check() error {
	h.reconcile()
	if err := h.checkInvariants(); err != nil {
		return err
	}
	decisions := Plan(h.snapshot(), h.state)
	if at := decisions.RequeueAt; !at.IsZero() && !at.After(h.now) {
		return fmt.Errorf("the requeue is %s ago", h.now.Sub(at))
	}
	for _, m := range h.live() {
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != m.Generation || m.DeletionTimestamp != nil {
			continue
		}
		if h.state.Mappings[m.UID].Writes.Unwritten != nil {
			continue // the API server rejects the status that is true
		}
		for group, receives := range m.desired() {
			if value, has := h.groups[group]; !h.drifted[group] && (!has || value != receives) {
				return fmt.Errorf("%s is ready with %s=%v, while DeepCall has %v (%v)", m.Name, group, receives, value, has)
			}
		}
	}
	return nil
}
