package agent

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// recordAttempt records the groups that a request can add before it is sent, and adds the finalizer. So the groups are removed
// later even if the answer is lost (R5).
func (r *Reconciler) recordAttempt(ctx context.Context, snap *snapshot, next plan.Next) error {
	m := &snap.Mappings[next.Mapping]
	if len(next.Adds) == 0 && (!next.AddFinalizer || m.HasFinalizer()) {
		return nil // the finalizer may have been added since the request was planned
	}
	result := plan.WriteResult{Mapping: next.Mapping, Metadata: true}
	err := r.patch(ctx, m, func(mapping *v1alpha1.AgentGroupMapping) {
		if next.AddFinalizer {
			controllerutil.AddFinalizer(mapping, v1alpha1.StopCallsFinalizer)
		}
		if len(next.Adds) > 0 {
			if mapping.Annotations == nil {
				mapping.Annotations = map[string]string{}
			}
			mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = next.Record
		}
	})
	if err != nil {
		if result, err = r.asRejection(ctx, m, result, plan.Metadata, err); err != nil {
			return err
		}
		return r.commitWrites(snap, r.states.get(snap.Key), []plan.WriteResult{result})
	}
	state := r.states.get(snap.Key).WithAttempt(next, plan.AttemptOf(m.AgentGroupMapping).Number)
	return r.commitWrites(snap, state, []plan.WriteResult{result})
}

// send sends the request. Its result stays in the state until the statuses that it changes are written.
func (r *Reconciler) send(ctx context.Context, snap *snapshot, next plan.Next, permit *dispatch.Permit) {
	m := snap.Mappings[next.Mapping]
	logger := log.FromContext(ctx).WithValues("mapping", client.ObjectKeyFromObject(m), "generation", next.Generation)
	attempt := plan.AttemptOf(m.AgentGroupMapping).Number
	request := deepcall.Request{AgentID: snap.Key.AgentID, Groups: next.Groups}
	started := permit.Start(ctx, request, func(end dispatch.Result) {
		result := plan.Result{
			Next: next, Attempt: attempt, Endpoint: end.Endpoint, UserHash: end.UserHash, Recoveries: end.Recoveries,
			Answer: end.Answer, Failure: deepcall.AsError(end.Err), At: end.Time, Jitter: r.Jitter(),
		}
		if result.Failure != nil {
			logger.Info("DeepCall did not accept the request", "reason", result.Failure.Reason, "cause", end.Err.Error())
		} else {
			logger.V(1).Info("DeepCall accepted the request", "groups", len(next.Groups))
		}
		r.states.commit(snap.Key, r.states.get(snap.Key).WithResult(result))
	})
	if started {
		r.Metrics.ObserveWait(snap.Key.Account, permit.Waited())
	}
}
