package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	ctrl "sigs.k8s.io/controller-runtime"
)

// flushTimeout bounds the export of the last spans at shutdown.
const flushTimeout = 5 * time.Second

// startTracing exports spans by OTLP over gRPC to the collector that OpenTelemetry's environment variables configure.
// If they configure none, the provider is nil. Stop exports the remaining spans.
func startTracing(ctx context.Context, b buildInfo) (provider trace.TracerProvider, stop func(), err error) {
	endpoint := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	disabled := os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	if endpoint == "" || disabled {
		return nil, func() {}, nil
	}
	log := ctrl.Log.WithName("tracing")
	otel.SetLogger(log)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Error(err, "Failed to export spans") }))
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("create the OTLP exporter: %w", err)
	}
	res, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "deepcall-operator"), attribute.String("service.version", b.version),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		log.Error(err, "Failed to parse all of OTEL_RESOURCE_ATTRIBUTES; spans lack some attributes")
	}
	tracerProvider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	return tracerProvider, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := tracerProvider.Shutdown(ctx); err != nil {
			log.Error(err, "Failed to export the last spans")
		}
	}, nil
}
