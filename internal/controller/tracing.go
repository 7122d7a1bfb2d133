package controller

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

const tracerName = "github.com/deepcall/deepcall-operator"

func tracerOf(provider trace.TracerProvider) trace.Tracer {
	if provider == nil {
		provider = noop.NewTracerProvider()
	}
	return provider.Tracer(tracerName)
}

// traced gives every reconcile a span.
func traced[request comparable](
	tracer trace.Tracer, name string, attributes func(request) []attribute.KeyValue, inner reconcile.TypedReconciler[request],
) reconcile.TypedReconciler[request] {
	return reconcile.TypedFunc[request](func(ctx context.Context, r request) (reconcile.Result, error) {
		ctx, span := tracer.Start(ctx, name)
		defer span.End()
		if span.IsRecording() {
			span.SetAttributes(attributes(r)...)
		}
		result, err := inner.Reconcile(ctx, r)
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		return result, err
	})
}

func attributesOf(key AgentKey) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("deepcall.account.namespace", key.Account.Namespace),
		attribute.String("deepcall.account.name", key.Account.Name),
		attribute.String("deepcall.agent.id", key.Agent),
	}
}

func attributesOfAccount(request reconcile.Request) []attribute.KeyValue {
	return attributesOf(AgentKey{Account: request.NamespacedName})[:2]
}

// describe says in a call's span how the call ended, in the catalogue's words: none of the server's.
func describe(span trace.Span, answer deepcall.Answer, err error) {
	if !span.IsRecording() {
		return
	}
	class, code, reason := metrics.Outcome(answer, err)
	span.SetAttributes(
		attribute.String("deepcall.class", class), attribute.String("deepcall.code", code), attribute.String("deepcall.reason", reason))
	if err != nil {
		span.SetStatus(codes.Error, reason)
	}
}
