package controller_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// testEnv is the environment of one spec: a namespace, a simulated DeepCall and a manager.
type testEnv struct {
	client     client.Client // of the user who reads and writes objects
	namespace  string
	namespaces []string // in the manager's cache
	// restricted sets Options.Namespaces to namespaces.
	restricted bool
	deepcall   *deepcalltest.Server
	url        string // of deepcall
	transport  *apiTransport
	registry   *prometheus.Registry // of the running manager
	spans      *tracetest.InMemoryExporter
	logs       *logLines
	// groupMetrics is Options.GroupMetrics.
	groupMetrics bool
	// secondOperatorGrace is Options.SecondOperatorGrace.
	secondOperatorGrace time.Duration
	// besideAnother is set if another manager runs at the same time, whose goroutines look like leaks.
	besideAnother bool
	stop          func()
}

// newTestEnv returns an environment with the account acme and a running manager. Options can change the account.
func newTestEnv(options ...func(*v1alpha1.DeepCallAccount)) *testEnv {
	GinkgoHelper()
	return newEmptyTestEnv().setup(options...)
}

// newEmptyTestEnv returns an environment without an account, whose manager is not started yet.
func newEmptyTestEnv() *testEnv {
	GinkgoHelper()
	e := &testEnv{client: k8sClient, transport: newAPITransport(), spans: tracetest.NewInMemoryExporter(), logs: &logLines{}}
	e.deepcall, e.url = deepcalltest.Start(GinkgoTB(), deepcalltest.Options{
		Semantics: semantics, Accounts: []deepcalltest.Account{{UserID: "1001", Token: "s3cr3t"}}, KeepBodies: true,
	})
	e.namespace = e.createNamespace()
	DeferCleanup(func() {
		if e.stop != nil {
			e.stop()
		}
	})
	return e
}

// setup creates the account acme and its Secret, and starts the manager.
func (e *testEnv) setup(options ...func(*v1alpha1.DeepCallAccount)) *testEnv {
	GinkgoHelper()
	e.create(testenv.UserToken("acme", "1001", "s3cr3t"))
	account := testenv.Account("acme", e.url).Limits(1000, 1000, 16).Build()
	for _, option := range options {
		option(account)
	}
	e.create(account)
	e.start()
	return e
}

// createNamespace creates a namespace. Managers started afterwards watch it.
func (e *testEnv) createNamespace() string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(k8sClient.Create(ctx, namespace)).To(Succeed())
	e.namespaces = append(e.namespaces, namespace.Name)
	return namespace.Name
}

// start runs a manager, configured as in cmd, until stop is called.
func (e *testEnv) start() {
	GinkgoHelper()
	ignored := []goleak.Option{
		goleak.IgnoreCurrent(),
		// apimachinery leaks the filter of a namespaced watch if it is stopped while it handles an event.
		goleak.IgnoreTopFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop"),
	}
	ctx, cancel := context.WithCancel(ctx)
	restConfig := rest.CopyConfig(controlPlane.Config)
	restConfig.Wrap(e.transport.wrap)
	cached := map[string]cache.Config{}
	for _, namespace := range e.namespaces {
		cached[namespace] = cache.Config{}
	}
	skipNameValidation := true
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:     scheme,
		Logger:     funcr.New(e.logs.add, funcr.Options{}),
		Cache:      cache.Options{DefaultNamespaces: cached},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skipNameValidation},
	})
	Expect(err).NotTo(HaveOccurred())
	e.registry = prometheus.NewRegistry()
	options := controller.Options{
		AllowInsecureEndpoints: true, MaxConcurrentReconciles: 4,
		SecondOperatorGrace: e.secondOperatorGrace, GroupMetrics: e.groupMetrics,
		Metrics: e.registry, Tracing: sdktrace.NewTracerProvider(sdktrace.WithSyncer(e.spans)),
	}
	if e.restricted {
		options.Scope.Namespaces = e.namespaces
	}
	Expect(controller.Setup(ctx, mgr, options)).To(Succeed())
	var running sync.WaitGroup
	running.Go(func() {
		defer GinkgoRecover()
		Expect(mgr.Start(ctx)).To(Succeed())
	})
	e.stop = func() {
		GinkgoHelper()
		cancel()
		running.Wait()
		e.stop = nil
		if e.besideAnother {
			return
		}
		Eventually(func() error { return goleak.Find(ignored...) }).Should(Succeed(), "the manager leaked goroutines")
	}
}

// startIdle starts the manager, and expects that it makes no write, and no request beyond the number before.
func (e *testEnv) startIdle(requests int) {
	GinkgoHelper()
	before := e.transport.totalWrites()
	e.start()
	e.expectRequests(requests)
	Expect(e.transport.totalWrites()).To(Equal(before))
}

func (e *testEnv) restart() {
	GinkgoHelper()
	e.stop()
	e.start()
}

// crash stops the manager as if it had been killed: none of its writes reach the API server any more.
func (e *testEnv) crash() {
	GinkgoHelper()
	e.transport.block(true)
	e.deepcall.Release()
	e.stop()
	e.transport.block(false)
}

// logLines are the lines that managers have logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) add(prefix, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, prefix+" "+line)
}

// containing returns the lines that contain a text.
func (l *logLines) containing(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.lines), func(line string) bool { return !strings.Contains(line, text) })
}

// requests returns all requests that DeepCall received.
func (e *testEnv) requests() []deepcalltest.Request { return e.deepcall.Requests() }

// requestsFor returns the requests that DeepCall received for an agent.
func (e *testEnv) requestsFor(agent string) []deepcalltest.Request {
	return e.deepcall.RequestsFor(agent)
}

func (e *testEnv) requestCount() int { return len(e.requests()) }

// expectRequests waits for the number of requests, and expects that no further request follows.
func (e *testEnv) expectRequests(n int) {
	GinkgoHelper()
	Eventually(e.requestCount).Should(Equal(n))
	Consistently(e.requestCount).Should(Equal(n))
}

// waitForHanging waits until a fault holds a request.
func (e *testEnv) waitForHanging() {
	GinkgoHelper()
	Expect(e.deepcall.WaitForHanging(ctx, 1)).To(Succeed())
}

// groupsOf returns the groups of each request.
func groupsOf(requests []deepcalltest.Request) []map[string]string {
	var groups []map[string]string
	for _, request := range requests {
		groups = append(groups, request.Groups)
	}
	return groups
}

// stopInFlight stops the manager while DeepCall hangs, and lets DeepCall respond once the manager waits for the request in flight.
func (e *testEnv) stopInFlight() {
	GinkgoHelper()
	stopped := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		e.stop()
	}()
	Consistently(stopped).ShouldNot(BeClosed())
	e.deepcall.Release()
	Eventually(stopped).Should(BeClosed())
}
