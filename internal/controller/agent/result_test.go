package agent

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// If the state were committed before the writes, a failed write would lose the result: the request would be sent again, or
// the failure would be counted but never reported (R16).
func TestApplyResult_commits_the_state_after_the_writes(t *testing.T) {
	now := clock.RealClock{}.Now()
	timeout := &deepcall.Error{Entry: deepcall.Entry{Reason: "Timeout", Message: "no answer in time", Class: deepcall.Transient}}
	for name, c := range map[string]struct {
		failure     *deepcall.Error
		wantReason  string
		wantBackoff plan.Backoff
	}{
		"of an accepted request":       {nil, "Synced", plan.Backoff{}},
		"of a request that has failed": {timeout, "Timeout", plan.Backoff{Generation: 1, Failures: 1, Until: now.Add(time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			mapping := declaring(newMapping("asha", "1", "1"), "90")
			snap := newTestSnapshot(mapping)
			snap.Account = plan.Account{Exists: true, Reachable: true}
			next, ok := plan.Plan(snap.Snapshot, plan.State{}).Next()
			if !ok {
				t.Fatal("there is nothing to send")
			}
			e := newReconcileEnv(t)
			e.Mappings = assume.New(func(*v1alpha1.AgentGroupMapping) bool { return true }, func(*v1alpha1.AgentGroupMapping) []string { return nil })
			e.cache.failWritesOf("asha", unavailable)
			before := e.states.commit(snap.Key, plan.State{}.WithResult(plan.Result{Next: next, At: now, Failure: c.failure}))

			for range 3 {
				if err := e.applyResult(t.Context(), snap); !errors.Is(err, unavailable) {
					t.Fatalf("got %v, want %v", err, unavailable)
				}
				if state := e.states.get(snap.Key); !reflect.DeepEqual(state, before) {
					t.Fatalf("the state after a failed write is %+v, want %+v", state, before)
				}
			}
			e.cache.failWritesOf("", nil)
			if err := e.applyResult(t.Context(), snap); err != nil {
				t.Fatal(err)
			}
			state := e.states.get(snap.Key)
			if got := state.Mappings[mapping.UID].Backoff; state.Result != nil || got != c.wantBackoff {
				t.Errorf("the state is %+v, want the back-off %+v", state, c.wantBackoff)
			}
			if len(e.cache.updated) != 1 {
				t.Fatalf("%d status updates, want 1", len(e.cache.updated))
			}
			ready := meta.FindStatusCondition(snap.Mappings[0].Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Reason != c.wantReason {
				t.Errorf("Ready is %+v, want reason %s", ready, c.wantReason)
			}
		})
	}
}
