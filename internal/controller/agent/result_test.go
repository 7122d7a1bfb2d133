package agent

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// cache contains mappings.
type cache struct {
	client.Client
	mappings []*v1alpha1.AgentGroupMapping
}

func (c *cache) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	for _, m := range c.mappings {
		if mapping, ok := obj.(*v1alpha1.AgentGroupMapping); ok && m.Name == key.Name {
			m.DeepCopyInto(mapping)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// statusClient contains mappings, and fails a number of status updates.
type statusClient struct {
	cache
	status statusWriter
}

func (c *statusClient) Status() client.SubResourceWriter { return &c.status }

type statusWriter struct {
	client.SubResourceWriter
	failures int
	updated  []client.Object
}

var errUpdate = errors.New("the API server is down")

func (w *statusWriter) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	if w.failures > 0 {
		w.failures--
		return errUpdate
	}
	w.updated = append(w.updated, obj)
	return nil
}

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
			mapping := newMapping("asha", "1", "1")
			mapping.Generation = 1
			mapping.Spec.Groups = []v1alpha1.AgentGroup{{GroupID: "90", ReceiveCall: true}}
			snap := newTestSnapshot(mapping)
			snap.Account = plan.Account{Exists: true, Reachable: true}
			snap.Mappings[0].Permitted = true
			next, ok := plan.Plan(snap.Snapshot, plan.State{}).Next()
			if !ok {
				t.Fatal("there is nothing to send")
			}
			const failures = 3
			api := &statusClient{cache{mappings: []*v1alpha1.AgentGroupMapping{mapping}}, statusWriter{failures: failures}}
			r := NewReconciler(Options{
				Client: api, Recorder: events.NewFakeRecorder(1), Tenancy: tenancy.New(nil, tenancy.Scope{}),
				Mappings: assume.New(assume.InCache[v1alpha1.AgentGroupMapping](api), func(*v1alpha1.AgentGroupMapping) []string { return nil }),
			})
			before := r.states.commit(snap.Key, plan.State{}.WithResult(plan.Result{Next: next, At: now, Failure: c.failure}))

			for range failures {
				if err := r.applyResult(t.Context(), snap); !errors.Is(err, errUpdate) {
					t.Fatalf("got %v, want %v", err, errUpdate)
				}
				if state := r.states.get(snap.Key); !reflect.DeepEqual(state, before) {
					t.Fatalf("the state after a failed write is %+v, want %+v", state, before)
				}
			}
			if err := r.applyResult(t.Context(), snap); err != nil {
				t.Fatal(err)
			}
			state := r.states.get(snap.Key)
			if got := state.Mappings[mapping.UID].Backoff; state.Result != nil || got != c.wantBackoff {
				t.Errorf("the state is %+v, want the back-off %+v", state, c.wantBackoff)
			}
			if len(api.status.updated) != 1 {
				t.Fatalf("%d status updates, want 1", len(api.status.updated))
			}
			ready := meta.FindStatusCondition(snap.Mappings[0].Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Reason != c.wantReason {
				t.Errorf("Ready is %+v, want reason %s", ready, c.wantReason)
			}
		})
	}
}
