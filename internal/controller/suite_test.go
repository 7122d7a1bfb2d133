package controller_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
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

var (
	plane  *testenv.ControlPlane
	scheme = runtime.NewScheme()
	admin  client.Client
)

func TestController(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controller")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(15 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	ctrl.SetLogger(logr.Discard())
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	var err error
	plane, err = testenv.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	admin, err = client.New(plane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
})

// world is what one spec plays in: a namespace, a DeepCall, an account that works, and a manager.
type world struct {
	context   context.Context
	namespace string
	watched   []string
	// restricted has the manager know that it watches only some namespaces.
	restricted bool
	deepcall   *deepcalltest.Server
	url        string
	writes     *writes
	registry   *prometheus.Registry // of the running manager
	spans      *tracetest.InMemoryExporter
	stop       func()
}

// newWorld makes a world with the usual account; options may change the account.
func newWorld(options ...func(*v1alpha1.DeepCallAccount)) *world {
	GinkgoHelper()
	return emptyWorld().furnish(options...)
}

// furnish creates the usual account, and starts a manager.
func (w *world) furnish(options ...func(*v1alpha1.DeepCallAccount)) *world {
	GinkgoHelper()
	w.create(testenv.UserToken("acme", "1001", "s3cr3t"))
	account := testenv.Account("acme", w.url).Limits(1000, 1000, 16).Build()
	for _, option := range options {
		option(account)
	}
	w.create(account)
	w.start()
	return w
}

// emptyWorld has no account and no running manager yet.
func emptyWorld() *world {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{context: ctx, writes: newWrites(), spans: tracetest.NewInMemoryExporter()}
	w.deepcall, w.url = deepcalltest.Start(GinkgoTB(), deepcalltest.Options{
		Semantics: reading, Accounts: []deepcalltest.Account{{UserID: "1001", Token: "s3cr3t"}}, KeepBodies: true,
	})
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(admin.Create(ctx, namespace)).To(Succeed())
	w.namespace, w.watched = namespace.Name, []string{namespace.Name}
	DeferCleanup(func() {
		if w.stop != nil {
			w.stop()
		}
		cancel()
	})
	return w
}

// start runs a manager for the world's namespace, as cmd does, until stop.
func (w *world) start() {
	GinkgoHelper()
	leaks := []goleak.Option{
		goleak.IgnoreCurrent(),
		// apimachinery's filter of a namespaced watch stays behind if it is stopped with an event in hand.
		goleak.IgnoreTopFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop"),
	}
	ctx, cancel := context.WithCancel(w.context)
	skip := true
	shared := rest.CopyConfig(plane.Config)
	shared.Wrap(w.writes.count)
	watched := map[string]cache.Config{}
	for _, namespace := range w.watched {
		watched[namespace] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(shared, ctrl.Options{
		Scheme:     scheme,
		Cache:      cache.Options{DefaultNamespaces: watched},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skip},
	})
	Expect(err).NotTo(HaveOccurred())
	w.registry = prometheus.NewRegistry()
	options := controller.Options{
		AllowInsecureEndpoints: true, MaxConcurrentReconciles: 4,
		Metrics: w.registry, Tracing: sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.spans)),
	}
	if w.restricted {
		options.Namespaces = w.watched
	}
	Expect(controller.Setup(ctx, mgr, options)).To(Succeed())
	var running sync.WaitGroup
	running.Go(func() {
		defer GinkgoRecover()
		Expect(mgr.Start(ctx)).To(Succeed())
	})
	w.stop = func() {
		GinkgoHelper()
		cancel()
		running.Wait()
		w.stop = nil
		Eventually(func() error { return goleak.Find(leaks...) }).Should(Succeed(), "goroutines left behind by the manager")
	}
}

// crash ends the manager as if it had been killed: nothing that it does from now on is seen
// outside. A fence cuts it off before it is stopped.
func (w *world) crash() {
	GinkgoHelper()
	w.writes.fence(true)
	w.deepcall.Release()
	w.stop()
	w.writes.fence(false)
}

func (w *world) restart() {
	GinkgoHelper()
	w.stop()
	w.start()
}

func (w *world) create(obj client.Object) {
	GinkgoHelper()
	if obj.GetNamespace() == "" {
		obj.SetNamespace(w.namespace)
	}
	Expect(admin.Create(w.context, obj)).To(Succeed())
}

// mapping reads a mapping of the world's namespace, or of another: "namespace/name".
func (w *world) mapping(name string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	mapping := &v1alpha1.AgentGroupMapping{}
	Expect(admin.Get(w.context, w.key(name), mapping)).To(Succeed())
	return mapping
}

func (w *world) key(name string) client.ObjectKey {
	if namespace, rest, found := strings.Cut(name, "/"); found {
		return client.ObjectKey{Namespace: namespace, Name: rest}
	}
	return client.ObjectKey{Namespace: w.namespace, Name: name}
}

// neighbour makes another namespace, which a manager watches that is started afterwards.
func (w *world) neighbour() string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "neighbour-"}}
	Expect(admin.Create(w.context, namespace)).To(Succeed())
	w.watched = append(w.watched, namespace.Name)
	return namespace.Name
}

func (w *world) account() *v1alpha1.DeepCallAccount {
	GinkgoHelper()
	account := &v1alpha1.DeepCallAccount{}
	Expect(admin.Get(w.context, client.ObjectKey{Namespace: w.namespace, Name: "acme"}, account)).To(Succeed())
	return account
}

// edit changes a mapping as a person would, on top of whatever it is by now.
func (w *world) edit(name string, change func(*v1alpha1.AgentGroupMapping)) {
	GinkgoHelper()
	mapping := w.mapping(name)
	base := mapping.DeepCopy()
	change(mapping)
	Expect(admin.Patch(w.context, mapping, client.MergeFrom(base))).To(Succeed())
}

func (w *world) editAccount(change func(*v1alpha1.DeepCallAccount)) {
	GinkgoHelper()
	account := w.account()
	base := account.DeepCopy()
	change(account)
	Expect(admin.Patch(w.context, account, client.MergeFrom(base))).To(Succeed())
}

func (w *world) editSecret(data map[string]string) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(admin.Get(w.context, client.ObjectKey{Namespace: w.namespace, Name: "acme-deepcall"}, secret)).To(Succeed())
	secret.Data, secret.StringData = nil, data
	Expect(admin.Update(w.context, secret)).To(Succeed())
}

func (w *world) delete(obj client.Object) {
	GinkgoHelper()
	Expect(admin.Delete(w.context, obj)).To(Succeed())
}

// eventuallyGone waits until the mapping no longer exists.
func (w *world) eventuallyGone(name string) {
	GinkgoHelper()
	Eventually(func() error {
		return admin.Get(w.context, w.key(name), &v1alpha1.AgentGroupMapping{})
	}).Should(MatchError(ContainSubstring("not found")))
}

// request asks for a resync, and waits until it was handled.
func (w *world) request(name, at string) {
	GinkgoHelper()
	w.patchRequest(name, at)
	Eventually(func() string { return w.mapping(name).Status.LastHandledReconcileAt }).Should(Equal(at))
}

func (w *world) patchRequest(name, at string) {
	GinkgoHelper()
	w.edit(name, func(mapping *v1alpha1.AgentGroupMapping) {
		if mapping.Annotations == nil {
			mapping.Annotations = map[string]string{}
		}
		mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] = at
	})
}

func (w *world) eventuallyAccount(description string) {
	GinkgoHelper()
	Eventually(func() string {
		account := w.account()
		return conditions(account.Generation, account.Status.Conditions)
	}).Should(Equal(description))
}

func (w *world) accountEventuallyGone() {
	GinkgoHelper()
	Eventually(func() error {
		return admin.Get(w.context, client.ObjectKey{Namespace: w.namespace, Name: "acme"}, &v1alpha1.DeepCallAccount{})
	}).Should(MatchError(ContainSubstring("not found")))
}

// eventually waits until the mapping stands as described, such as "Ready=False InvalidGroupData
// Stalled", for its current generation, and returns it.
func (w *world) eventually(name string, description string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	Eventually(func() string { return standing(w.mapping(name)) }).Should(Equal(description))
	return w.mapping(name)
}

// settled waits for calls to have ended, and for a while in which no other begins.
func (w *world) settled(calls int) {
	GinkgoHelper()
	Eventually(func() int { return len(w.deepcall.Calls()) }).Should(Equal(calls))
	Consistently(func() int { return len(w.deepcall.Calls()) }).Should(Equal(calls))
}
