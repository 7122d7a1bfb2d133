package year

import (
	"context"
	"errors"
	"net/http"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/internal/controller"
)

// process is a running manager.
type process struct {
	registry *prometheus.Registry
	cancel   context.CancelFunc
	stopped  chan error
	// before are the goroutines before the start.
	before goroutineCounts
	// baseline is the usage on the first calm day, and leakChecked the number of requests since then.
	baseline    *resourceUsage
	leakChecked int
}

func restConfig(t *transport) *rest.Config {
	return &rest.Config{
		Host: "https://kube.test", Transport: t, QPS: -1,
		ContentConfig: rest.ContentConfig{ContentType: "application/json"},
	}
}

// newMapper returns a RESTMapper that needs no discovery.
func newMapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	m := meta.NewDefaultRESTMapper(nil)
	for _, k := range kinds {
		scope := meta.RESTScopeNamespace
		if k == namespaceKind {
			scope = meta.RESTScopeRoot
		}
		m.Add(schema.GroupVersionKind{Group: k.group, Version: k.version, Kind: k.name}, scope)
	}
	return m, nil
}

// newAdmin returns a client whose writes aren't counted.
func newAdmin(server *apiServer) (client.Client, error) {
	return newClient(restConfig(&transport{server: server}))
}

func newClient(config *rest.Config) (client.Client, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	mapper, err := newMapper(nil, nil)
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{HTTPClient: httpClient, Scheme: scheme, Mapper: mapper})
}

// start runs a manager as cmd does, without its listeners.
func (e *testEnv) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{registry: prometheus.NewRegistry(), cancel: cancel, stopped: make(chan error, 1), before: countGoroutines()}
	skip := true
	mgr, err := ctrl.NewManager(restConfig(&transport{server: e.apiServer, onWrite: e.onWrite}), ctrl.Options{
		Scheme:         scheme,
		MapperProvider: newMapper,
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skip},
		Logger:         e.log.logger(),
	})
	if err == nil {
		err = controller.Setup(ctx, mgr, controller.Options{
			MaxConcurrentReconciles: 16, Metrics: p.registry, WrapTransport: e.routeToSimulators,
		})
	}
	if err != nil {
		cancel()
		e.t.Fatalf("create the manager: %v", err)
	}
	go func() { p.stopped <- mgr.Start(ctx) }()
	e.process = p
}

// stop shuts the manager down and checks that no goroutine is left.
func (e *testEnv) stop() {
	e.process.cancel()
	if err := <-e.process.stopped; err != nil {
		e.violate("the manager failed: %v", err)
	}
	synctest.Wait()
	e.advance(minute)
	if excess := countGoroutines().exceeding(e.process.before, nil); excess != "" {
		e.violate("leak: goroutines are left after the manager has stopped:%s", excess)
	}
	e.process = nil
}

// routeToSimulators sends each request to the simulator of its account instead of the network.
func (e *testEnv) routeToSimulators(http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		for _, s := range e.simulators {
			if request.URL.Scheme+"://"+request.URL.Host == s.endpoint() {
				return s.RoundTrip(request)
			}
		}
		return nil, errors.New("no such host")
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// restart replaces the manager.
func (e *testEnv) restart() {
	healthy := e.healthyFor(hour)
	e.waitUntilIdle()
	e.stop()
	e.replaceServers()
	e.mu.Lock()
	e.stats.restarts++
	if !healthy {
		e.lastChange = time.Now()
	}
	for _, d := range e.denials {
		*d = denial{} // the manager counts them per process
	}
	e.mu.Unlock()
	e.start()
}

// replaceServers replaces the servers of the simulators, while no request is in flight.
func (e *testEnv) replaceServers() {
	for account, s := range e.simulators {
		if overlaps := s.replaceServer(); overlaps > 0 {
			e.violate("R3: %d requests of %s overlapped with another one for the same agent", overlaps, account)
		}
	}
}
