package agent

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/enqueue"
)

// Agents that wait for their next resync, and are enqueued with all others of their account, must not delay an edit.
func TestRequeueAt_lets_an_edit_go_first(t *testing.T) {
	now := clock.RealClock{}.Now()
	waiting := requeueAt(now, now.Add(time.Hour))
	if waiting.RequeueAfter != time.Hour {
		t.Errorf("requeued after %s", waiting.RequeueAfter)
	}
	queue := priorityqueue.New[v1alpha1.AgentKey]("test")
	defer queue.ShutDown()
	agents := enqueue.New[v1alpha1.AgentKey]()
	if err := agents.Source().Start(t.Context(), workqueue.TypedRateLimitingInterface[v1alpha1.AgentKey](queue)); err != nil {
		t.Fatal(err)
	}
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
