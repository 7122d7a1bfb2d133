package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/leader"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// A permit that is not released blocks the account until the manager restarts.
func TestSendNext_releases_a_permit_that_it_cannot_use(t *testing.T) {
	for name, account := range map[string]*v1alpha1.DeepCallAccount{
		"when the account is gone":                      nil,
		"while the account does not have its finalizer": {},
	} {
		t.Run(name, func(t *testing.T) {
			e := newReconcileEnv(t)
			other := e.agentKey("8")
			if e.dispatcher.Acquire(e.agentKey("7"), dispatch.Ask{}) == nil || e.dispatcher.Acquire(other, dispatch.Ask{}) != nil {
				t.Fatal("there must be one permit, which the agent has")
			}
			snap := newTestSnapshot(declaring(newMapping("asha", "1", "1"), "90"))
			snap.account, snap.Account = account, plan.Account{Exists: account != nil, Reachable: true}
			if err := e.sendNext(t.Context(), snap, plan.Plan(snap.Snapshot, plan.State{})); err != nil {
				t.Fatal(err)
			}
			if e.dispatcher.Acquire(other, dispatch.Ask{}) == nil {
				t.Error("the permit is not released")
			}
		})
	}
}

// The reconciler converts the planner's priorities by their values.
func TestPriorities_are_those_of_the_dispatcher(t *testing.T) {
	for priority, want := range map[plan.Priority]dispatch.Priority{
		plan.PriorityPeriodicResync:  dispatch.PeriodicResync,
		plan.PriorityRequestedResync: dispatch.RequestedResync,
		plan.PriorityRetry:           dispatch.Retry,
		plan.PriorityEdit:            dispatch.Edit,
	} {
		if dispatch.Priority(priority) != want {
			t.Errorf("priority %d of the planner is %d of the dispatcher", priority, want)
		}
	}
}

func TestReconcile_does_nothing_without_the_lease(t *testing.T) {
	e := newReconcileEnv(t)
	e.Client, e.Fence = nil, leader.NewFence(time.Second, leader.SinceBoot)
	if _, err := e.Reconcile(t.Context(), e.agentKey("7")); !errors.Is(err, leader.ErrNotLeader) {
		t.Errorf("got %v", err)
	}
}
