package controller

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// record writes down, before a call, what the call may add: the finalizer that brings it back
// at deletion, and the groups that must be stopped should the answer be lost.
func (r *AgentReconciler) record(ctx context.Context, m *member) error {
	adds := plan.Adds(m.claims, m.change)
	finalizer := !m.claims.Orphan && !m.claims.Removing && !hasFinalizer(m.mapping, v1alpha1.StopCallsFinalizer)
	if len(adds) == 0 && !finalizer {
		return nil
	}
	known := len(m.claims.Attempted) == 0 || m.known.sure == attemptsOf(m.mapping).Attempt
	err := r.patch(ctx, m, func(mapping *v1alpha1.AgentGroupMapping) {
		if finalizer {
			controllerutil.AddFinalizer(mapping, v1alpha1.StopCallsFinalizer)
		}
		if len(adds) > 0 {
			if mapping.Annotations == nil {
				mapping.Annotations = map[string]string{}
			}
			mapping.Annotations[v1alpha1.AttemptedGroupsAnnotation] = withAdds(mapping, adds).String()
		}
	})
	if err == nil && len(adds) > 0 && known {
		m.known.sure = attemptsOf(m.mapping).Attempt
	}
	return err
}

// start makes the call apart from the workers. Its outcome is kept until a status tells it.
func (r *AgentReconciler) start(ctx context.Context, v *view, m *member, turn *account.Turn, call plan.Call) {
	if !turn.Use() {
		return // the agent waits for another turn
	}
	logger := log.FromContext(ctx).WithValues("mapping", client.ObjectKeyFromObject(m.mapping), "generation", m.mapping.Generation)
	result := outcome{
		uid: m.uid(), generation: m.mapping.Generation, requestedAt: m.requested, removing: m.claims.Removing,
		endpoint: v.standing.Endpoint, attempt: attemptsOf(m.mapping).Attempt,
		change: m.change, call: call, inquiry: m.known.inquiry,
	}
	r.memory.begin(v.key)
	go func() {
		answer, err := turn.Call(r.calls, deepcall.Request{AgentID: v.key.Agent, Groups: call.Groups})
		result.answer, result.at = answer, r.Clock.Now()
		if err != nil {
			result.failure = asError(err)
			logger.Info("DeepCall did not accept the call", "reason", result.failure.Reason, "cause", err.Error())
		} else {
			logger.V(1).Info("DeepCall accepted the call", "groups", len(call.Groups))
		}
		r.memory.end(v.key, result)
		r.Wake(v.key)
	}()
}

func asError(err error) *deepcall.Error {
	var failure *deepcall.Error
	if errors.As(err, &failure) {
		return failure
	}
	// The client promises a *deepcall.Error; without one, nothing is known of the request.
	return &deepcall.Error{Entry: deepcall.Entry{Reason: "UnreadableAnswer", Message: "DeepCall's answer could not be read", Class: deepcall.Transient}, Uncertain: true}
}

func hasFinalizer(obj client.Object, finalizer string) bool {
	return controllerutil.ContainsFinalizer(obj, finalizer)
}
