package agent

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/enqueue"
)

// newTestQueue returns a work queue, and what enqueues agents from outside of the watches.
func newTestQueue(t *testing.T) (priorityqueue.PriorityQueue[v1alpha1.AgentKey], *enqueue.Queue[v1alpha1.AgentKey]) {
	t.Helper()
	queue := priorityqueue.New[v1alpha1.AgentKey]("test")
	t.Cleanup(queue.ShutDown)
	agents := enqueue.New[v1alpha1.AgentKey]()
	if err := agents.Source().Start(t.Context(), workqueue.TypedRateLimitingInterface[v1alpha1.AgentKey](queue)); err != nil {
		t.Fatal(err)
	}
	return queue, agents
}

// Agents that wait for their next resync, and are enqueued with all others of their account, must not delay an edit.
func TestRequeueAt_lets_an_edit_go_first(t *testing.T) {
	now := clock.RealClock{}.Now()
	waiting := requeueAt(now, now.Add(time.Hour))
	if waiting.RequeueAfter != time.Hour {
		t.Errorf("requeued after %s", waiting.RequeueAfter)
	}
	queue, agents := newTestQueue(t)
	for _, agent := range []string{"1", "2", "3"} {
		queue.AddWithOpts(priorityqueue.AddOpts{After: waiting.RequeueAfter, Priority: waiting.Priority}, v1alpha1.AgentKey{AgentID: agent})
		agents.AddLowPriority(v1alpha1.AgentKey{AgentID: agent})
	}
	agents.Add(v1alpha1.AgentKey{AgentID: "edited"})
	first, priority, _ := queue.GetWithPriority()
	if first.AgentID != "edited" || priority <= handler.LowPriority {
		t.Errorf("agent %s is first, with priority %d", first.AgentID, priority)
	}
}

// A new leader must not reconcile all other agents before those that were edited without a leader.
func TestUnobservedMappingsGoFirst(t *testing.T) {
	observed := func(agent string) *v1alpha1.AgentGroupMapping {
		m := &v1alpha1.AgentGroupMapping{}
		m.Spec.AgentID, m.Generation, m.Status.ObservedGeneration = agent, 3, 3
		return m
	}
	edited, deleted := observed("edited"), observed("deleted")
	edited.Generation = 4
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	mappings := []*v1alpha1.AgentGroupMapping{observed("1"), observed("2"), edited, observed("3"), deleted}

	for name, enqueueAll := range map[string]func(*reconcileEnv, priorityqueue.PriorityQueue[v1alpha1.AgentKey]) error{
		"in the initial list": func(_ *reconcileEnv, queue priorityqueue.PriorityQueue[v1alpha1.AgentKey]) error {
			for _, m := range mappings {
				newMappingHandler().Create(t.Context(), event.CreateEvent{Object: m, IsInInitialList: true}, queue)
			}
			return nil
		},
		"after the account's configuration": func(e *reconcileEnv, _ priorityqueue.PriorityQueue[v1alpha1.AgentKey]) error {
			return e.EnqueueAgentsOf(t.Context(), types.NamespacedName{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			queue, agents := newTestQueue(t)
			e := newReconcileEnv(t)
			e.Enqueue, e.EnqueueLowPriority = agents.Add, agents.AddLowPriority
			e.cache.mappings = mappings
			if err := enqueueAll(e, queue); err != nil {
				t.Fatal(err)
			}
			var order []string
			for range mappings {
				key, _, _ := queue.GetWithPriority()
				order = append(order, key.AgentID)
			}
			if want := []string{"edited", "deleted", "1", "2", "3"}; !slices.Equal(order, want) {
				t.Errorf("the order is %v, want %v", order, want)
			}
		})
	}
}

// A conflict of one mapping must not hide the failure of another, which would then be repeated without back-off.
func TestWithoutStale(t *testing.T) {
	mappings := schema.GroupResource{Resource: "agentgroupmappings"}
	conflict := fmt.Errorf("patch asha: %w", apierrors.NewConflict(mappings, "asha", errors.New("changed")))
	gone := apierrors.NewNotFound(mappings, "ravi")
	failed := errors.New("admission denied")
	for name, c := range map[string]struct{ err, want error }{
		"drops a conflict":                         {conflict, nil},
		"drops a deleted object":                   {gone, nil},
		"drops an outdated cache":                  {errStale, nil},
		"drops them together":                      {errors.Join(conflict, errors.Join(gone, errStale)), nil},
		"keeps a failure":                          {failed, failed},
		"keeps a failure after a conflict":         {errors.Join(conflict, failed), failed},
		"keeps a failure before a conflict":        {errors.Join(failed, conflict), failed},
		"keeps a failure joined inside of another": {errors.Join(errors.Join(nil, failed), conflict), failed},
	} {
		t.Run(name, func(t *testing.T) {
			got := withoutStale(c.err)
			if !errors.Is(got, c.want) || (c.want == nil) != (got == nil) || apierrors.IsConflict(got) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
