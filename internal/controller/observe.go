package controller

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

const tracerName = "github.com/deepcall/deepcall-operator"

// traceReconciles returns a decorator that creates a span for every reconcile.
func traceReconciles[key comparable](
	tracer trace.Tracer, name string, attributes func(key) []attribute.KeyValue,
) func(reconcile.TypedReconciler[key]) reconcile.TypedReconciler[key] {
	return func(inner reconcile.TypedReconciler[key]) reconcile.TypedReconciler[key] {
		return reconcile.TypedFunc[key](func(ctx context.Context, k key) (reconcile.Result, error) {
			ctx, span := tracer.Start(ctx, name)
			defer span.End()
			if span.IsRecording() {
				span.SetAttributes(attributes(k)...)
			}
			result, err := inner.Reconcile(ctx, k)
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
				return reconcile.Result{}, err // controller-runtime ignores a result beside an error, and logs a warning
			}
			return result, nil
		})
	}
}

func agentAttributes(key v1alpha1.AgentKey) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("deepcall.account.namespace", key.Account.Namespace),
		attribute.String("deepcall.account.name", key.Account.Name),
		attribute.String("deepcall.agent.id", key.AgentID),
	}
}

func accountAttributes(request reconcile.Request) []attribute.KeyValue {
	return agentAttributes(v1alpha1.AgentKey{Account: request.NamespacedName})[:2]
}

// traceRequest decorates a request with a span, which contains the result's labels but not the server's text.
func traceRequest(tracer trace.Tracer, key v1alpha1.AgentKey, send dispatch.SendFunc) dispatch.SendFunc {
	return func(ctx context.Context) (deepcall.Answer, error) {
		ctx, span := tracer.Start(ctx, "updateAgentGroupMapping",
			trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(agentAttributes(key)...))
		defer span.End()
		answer, err := send(ctx)
		if span.IsRecording() {
			class, code, reason := metrics.ResultLabels(answer, err)
			span.SetAttributes(attribute.String("deepcall.class", class),
				attribute.String("deepcall.code", code), attribute.String("deepcall.reason", reason))
			if err != nil {
				span.SetStatus(codes.Error, reason)
			}
		}
		return answer, err
	}
}
