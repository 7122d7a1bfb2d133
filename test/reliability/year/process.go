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

// process is one life of the manager.
type process struct {
	registry *prometheus.Registry
	cancel   context.CancelFunc
	stopped  chan error
	// before are the goroutines there were without it.
	before census
	// goroutines and heap are those of the first calm day, and since how many calls there were until then, of all
	// processes; judged are the calls from then on.
	goroutines    census
	heap          uint64
	since, judged int
}

// restConfig leads to kube.
func restConfig(d *door) *rest.Config {
	return &rest.Config{
		Host: "https://kube.test", Transport: d, QPS: -1,
		ContentConfig: rest.ContentConfig{ContentType: "application/json"},
	}
}

// mapper knows the kinds without asking.
func mapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	m := meta.NewDefaultRESTMapper(nil)
	for _, each := range kinds {
		scope := meta.RESTScopeNamespace
		if each == namespaceKind {
			scope = meta.RESTScopeRoot
		}
		m.Add(schema.GroupVersionKind{Group: each.group, Version: each.version, Kind: each.name}, scope)
	}
	return m, nil
}

func newAdmin(k *kube) (client.Client, error) {
	web, err := rest.HTTPClientFor(restConfig(&door{kube: k}))
	if err != nil {
		return nil, err
	}
	known, err := mapper(nil, nil)
	if err != nil {
		return nil, err
	}
	return client.New(restConfig(&door{kube: k}), client.Options{HTTPClient: web, Scheme: scheme, Mapper: known})
}

// start runs a manager as cmd does, but for what needs a socket.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{registry: prometheus.NewRegistry(), cancel: cancel, stopped: make(chan error, 1), before: goroutines()}
	skip := true
	mgr, err := ctrl.NewManager(restConfig(&door{kube: w.kube, wrote: w.wrote}), ctrl.Options{
		Scheme:         scheme,
		MapperProvider: mapper,
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skip},
		Logger:         w.log.logger(),
	})
	if err == nil {
		err = controller.Setup(ctx, mgr, controller.Options{
			MaxConcurrentReconciles: 16, Metrics: p.registry, WrapTransport: w.toDeepCall,
		})
	}
	if err != nil {
		cancel()
		w.t.Fatalf("the manager can't be made: %v", err)
	}
	go func() { p.stopped <- mgr.Start(ctx) }()
	w.process = p
}

// stop ends the manager in good order, and looks what it leaves behind.
func (w *world) stop() {
	w.process.cancel()
	if err := <-w.process.stopped; err != nil {
		w.violate("the manager ended: %v", err)
	}
	synctest.Wait()
	w.rest(minute)
	if left := goroutines().beyond(w.process.before, nil); left != "" {
		w.violate("leak: goroutines are left after the manager has stopped:%s", left)
	}
	w.process = nil
}

// toDeepCall leads each account to its brand. The connection that the client would make is not used.
func (w *world) toDeepCall(http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		for _, b := range w.brands {
			if request.URL.Scheme+"://"+request.URL.Host == b.endpoint() {
				return b.RoundTrip(request)
			}
		}
		return nil, errors.New("no such host")
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// restart stops the manager, and starts another.
func (w *world) restart() {
	well := w.wellFor(hour)
	w.settle()
	w.stop()
	w.renew()
	w.mu.Lock()
	w.tally.restarts++
	if !well {
		w.changed = time.Now()
	}
	for _, a := range w.answers {
		*a = answers{} // what is counted per process begins anew
	}
	w.mu.Unlock()
	w.start()
}

// renew takes other simulators. Nothing may be in flight.
func (w *world) renew() {
	for name, b := range w.brands {
		if overlaps := b.renew(); overlaps > 0 {
			w.violate("R3: %d calls of %s overlapped with another for the same agent", overlaps, name)
		}
	}
}
