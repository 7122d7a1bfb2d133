package controller

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"
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
	logger := log.FromContext(ctx)
	about := []any{"mapping", client.ObjectKeyFromObject(m.mapping), "generation", m.mapping.Generation}
	result := outcome{
		uid: m.uid(), generation: m.mapping.Generation, requestedAt: m.requested, removing: m.claims.Removing,
		endpoint: turn.Endpoint(), attempt: attemptsOf(m.mapping).Attempt,
		change: m.change, call: call, inquiry: m.known.inquiry,
	}
	r.Metrics.Waited(v.key.Account, turn.Waited())
	r.memory.begin(v.key)
	parent := trace.SpanContextFromContext(ctx)
	go func() {
		answer, err := r.observed(parent, v.key, func(ctx context.Context) (deepcall.Answer, error) {
			return turn.Call(ctx, deepcall.Request{AgentID: v.key.Agent, Groups: call.Groups})
		})
		result.answer, result.at = answer, r.Clock.Now()
		if err != nil {
			result.failure = asError(err)
			logger.WithValues(about...).Info("DeepCall did not accept the call", "reason", result.failure.Reason, "cause", err.Error())
		} else if accepted := logger.V(1); accepted.Enabled() {
			accepted.WithValues(about...).Info("DeepCall accepted the call", "groups", len(call.Groups))
		}
		r.memory.end(v.key, result)
		r.Wake(v.key)
	}()
}

// observed decorates a call with its metrics and its span.
func (r *AgentReconciler) observed(
	parent trace.SpanContext, key AgentKey, call func(context.Context) (deepcall.Answer, error),
) (deepcall.Answer, error) {
	return r.Metrics.Call(key.Account, func() (deepcall.Answer, error) {
		ctx, span := r.Tracer.Start(trace.ContextWithSpanContext(r.calls, parent), "updateAgentGroupMapping",
			trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributesOf(key)...))
		defer span.End()
		answer, err := call(ctx)
		describe(span, answer, err)
		return answer, err
	})
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
