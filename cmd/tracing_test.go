package main

import (
	"context"
	"net"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// fakeCollector records the names of the spans that it receives.
type fakeCollector struct {
	collector.UnimplementedTraceServiceServer
	spans chan string
}

func (c *fakeCollector) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	for _, resource := range r.GetResourceSpans() {
		service := ""
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				service = attribute.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans <- service + ": " + span.GetName()
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func TestTracingIsDisabled(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"by default":                     {},
		"with OTEL_SDK_DISABLED":         {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		"with OTEL_TRACES_EXPORTER=none": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range env {
				t.Setenv(variable, value)
			}
			provider, stop, err := startTracing(t.Context(), readBuildInfo())
			if err != nil || provider != nil {
				t.Errorf("got provider %v and error %v", provider, err)
			}
			stop()
		})
	}
}

func TestTracingExportsToTheConfiguredCollector(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fake := &fakeCollector{spans: make(chan string, 10)}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, fake)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=support,") // the trailing comma must not prevent the manager from starting
	provider, stop, err := startTracing(t.Context(), readBuildInfo())
	if err != nil || provider == nil {
		t.Fatalf("got provider %v and error %v", provider, err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "reconcile agent")
	span.End()
	stop() // exports the remaining spans
	select {
	case got := <-fake.spans:
		if got != "deepcall-operator: reconcile agent" {
			t.Errorf("the collector got %q", got)
		}
	default:
		t.Error("the collector got no span")
	}
}
