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

// flushWithin bounds the sending of the last spans when the manager stops.
const flushWithin = 5 * time.Second

// startTracing sends spans to the collector that OpenTelemetry's standard variables name, by OTLP over
// gRPC. Without one, tracing is off: the provider is nil. Stop sends what is left.
func startTracing(ctx context.Context, b build) (provider trace.TracerProvider, stop func(), err error) {
	named := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	off := os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	if named == "" || off {
		return nil, func() {}, nil
	}
	log := ctrl.Log.WithName("tracing")
	otel.SetLogger(log)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Error(err, "send spans") }))
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("start tracing: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "deepcall-operator"), attribute.String("service.version", b.version),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		log.Error(err, "OTEL_RESOURCE_ATTRIBUTES can't be read whole; spans lack some of it")
	}
	made := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return made, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		if err := made.Shutdown(ctx); err != nil {
			log.Error(err, "send the last spans")
		}
	}, nil
}
