package agent

import (
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/leader"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// A permit that is not released blocks the account until the manager restarts.
func TestSendNext_releases_a_permit_that_it_cannot_use(t *testing.T) {
	key := v1alpha1.AgentKey{Account: types.NamespacedName{Namespace: "support", Name: "acme"}, AgentID: "7"}
	other := v1alpha1.AgentKey{Account: key.Account, AgentID: "8"}
	client, err := deepcall.NewClient(deepcall.Config{Endpoint: "https://deepcall.example", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := deepcall.ParseCredentials(map[string][]byte{"ssid": []byte("s3ss10n")})
	if err != nil {
		t.Fatal(err)
	}
	for name, account := range map[string]*v1alpha1.DeepCallAccount{
		"when the account is gone":                      nil,
		"while the account does not have its finalizer": {},
	} {
		t.Run(name, func(t *testing.T) {
			ignore := func(v1alpha1.AgentKey) {}
			dispatcher := dispatch.New(dispatch.Options{
				Clock: clock.RealClock{}, Enqueue: ignore, EnqueueLowPriority: ignore, EnqueueAccount: func(types.NamespacedName) {},
			})
			dispatcher.Configure(key.Account, dispatch.Config{
				Client: client, Credentials: credentials, Endpoint: "https://deepcall.example",
				Limits: dispatch.Limits{RequestsPerSecond: 10, Burst: 10, MaxInFlight: 1},
			})
			if dispatcher.Acquire(key, dispatch.Ask{}) == nil || dispatcher.Acquire(other, dispatch.Ask{}) != nil {
				t.Fatal("there must be one permit, which the agent has")
			}
			mapping := newMapping("asha", "1", "1")
			mapping.Spec.Groups = []v1alpha1.AgentGroup{{GroupID: "90"}}
			snap := &snapshot{account: account}
			snap.Key = key
			snap.Account = plan.Account{Exists: account != nil, Reachable: true}
			snap.Mappings = []plan.Mapping{{AgentGroupMapping: mapping, Permitted: true}}
			r := &Reconciler{Options: Options{Dispatcher: dispatcher, EnqueueAccount: func(types.NamespacedName) {}}}
			if err := r.sendNext(t.Context(), snap, plan.Plan(snap.Snapshot, plan.State{})); err != nil {
				t.Fatal(err)
			}
			if dispatcher.Acquire(other, dispatch.Ask{}) == nil {
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
	ignore := func(v1alpha1.AgentKey) {}
	r := NewReconciler(Options{
		Fence: leader.NewFence(time.Second, leader.SinceBoot),
		Dispatcher: dispatch.New(dispatch.Options{
			Clock: clock.RealClock{}, Enqueue: ignore, EnqueueLowPriority: ignore, EnqueueAccount: func(types.NamespacedName) {},
		}),
	})
	key := v1alpha1.AgentKey{Account: types.NamespacedName{Namespace: "support", Name: "acme"}, AgentID: "7"}
	if _, err := r.Reconcile(t.Context(), key); !errors.Is(err, leader.ErrNotLeader) { // it has no client that it could use
		t.Errorf("got %v", err)
	}
}
