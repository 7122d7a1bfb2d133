package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/controller/transform"
)

// flags are the command line. zap's and --kubeconfig are bound by controller-runtime.
type flags struct {
	leaderElect             bool
	leaderElectionNamespace string
	watchNamespaces         string
	watchLabelSelector      string
	maxConcurrentReconciles int
	metricsBindAddress      string
	metricsSecure           bool
	healthProbeBindAddress  string
	pprofBindAddress        string
	allowInsecureEndpoints  bool
	version                 bool
}

func (f *flags) bind(set *flag.FlagSet) {
	set.BoolVar(&f.leaderElect, "leader-elect", false,
		"Elect a leader among the replicas; only the leader calls DeepCall.")
	set.StringVar(&f.leaderElectionNamespace, "leader-election-namespace", "",
		"The namespace of the lease. Default: the namespace the manager runs in.")
	set.StringVar(&f.watchNamespaces, "watch-namespaces", "",
		"A comma-separated list of namespaces to watch. Default: all.")
	set.StringVar(&f.watchLabelSelector, "watch-label-selector", "",
		"Watch only the mappings and accounts whose labels match, to share the work among several managers.")
	set.IntVar(&f.maxConcurrentReconciles, "max-concurrent-reconciles", 16,
		"How many agents are looked at, and written to the API server, at the same time. Calls are bounded by the accounts' own limits.")
	set.StringVar(&f.metricsBindAddress, "metrics-bind-address", "0",
		"The address of the metrics, such as :8443. 0 turns them off.")
	set.BoolVar(&f.metricsSecure, "metrics-secure", true,
		"Serve the metrics by https, to those whom the API server authorizes.")
	set.StringVar(&f.healthProbeBindAddress, "health-probe-bind-address", ":8081",
		"The address of /healthz and /readyz. 0 turns them off.")
	set.StringVar(&f.pprofBindAddress, "pprof-bind-address", "0",
		"The address of Go's profiles, such as localhost:6060. They are served to whoever can reach it. 0 turns them off.")
	set.BoolVar(&f.allowInsecureEndpoints, "allow-insecure-endpoints", false,
		"Allow accounts with http endpoints, and with loopback and link-local addresses. For development only.")
	set.BoolVar(&f.version, "version", false, "Print the version, and end.")
}

// times are those that keep two leaders from calling DeepCall at once (R14).
type times struct {
	request, leaseDuration, renewDeadline, retryPeriod, shutdown time.Duration
}

var defaultTimes = times{
	request:       controller.MaxRequestTimeout,
	leaseDuration: 25 * time.Second,
	renewDeadline: 15 * time.Second,
	retryPeriod:   2 * time.Second,
	shutdown:      30 * time.Second,
}

// check makes sure that a call has ended, one way or another, before another leader can start.
func (t times) check() error {
	switch {
	case t.request >= t.leaseDuration-t.renewDeadline:
		return fmt.Errorf("a call may take %s, which must be less than the lease's duration %s less its renew deadline %s",
			t.request, t.leaseDuration, t.renewDeadline)
	case t.request >= t.shutdown:
		return fmt.Errorf("a call may take %s, which must be less than the shutdown time-out %s", t.request, t.shutdown)
	}
	return nil
}

func (f *flags) controllerOptions() (controller.Options, error) {
	selector, err := f.selector()
	return controller.Options{
		AllowInsecureEndpoints:  f.allowInsecureEndpoints,
		MaxConcurrentReconciles: f.maxConcurrentReconciles,
		Namespaces:              f.namespaces(),
		Selector:                selector,
	}, err
}

func (f *flags) selector() (labels.Selector, error) {
	selector, err := labels.Parse(f.watchLabelSelector)
	if err != nil {
		return nil, fmt.Errorf("--watch-label-selector: %w", err)
	}
	return selector, nil
}

func (f *flags) managerOptions(scheme *runtime.Scheme, t times) (ctrl.Options, error) {
	if f.maxConcurrentReconciles < 1 {
		return ctrl.Options{}, fmt.Errorf("--max-concurrent-reconciles must be at least 1, not %d", f.maxConcurrentReconciles)
	}
	cacheOptions, err := f.cacheOptions()
	if err != nil {
		return ctrl.Options{}, err
	}
	warm := true
	return ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions,
		Metrics:                       f.metrics(),
		HealthProbeBindAddress:        f.healthProbeBindAddress,
		PprofBindAddress:              f.pprofBindAddress,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              f.leaseName(),
		LeaderElectionNamespace:       f.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true, // safe: the lease is released after the last call has ended
		LeaseDuration:                 &t.leaseDuration,
		RenewDeadline:                 &t.renewDeadline,
		RetryPeriod:                   &t.retryPeriod,
		GracefulShutdownTimeout:       &t.shutdown,
		Controller:                    config.Controller{EnableWarmup: &warm},
	}, nil
}

// leaseName is the same for the managers that stand in for each other. Those that share the work by
// label have a lease for each selector.
func (f *flags) leaseName() string {
	const name = "deepcall-operator.telephony.deepcall.com"
	if f.watchLabelSelector == "" {
		return name
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(f.watchLabelSelector))
	return fmt.Sprintf("%s-%08x", name, hash.Sum32())
}

func (f *flags) namespaces() []string {
	return strings.FieldsFunc(f.watchNamespaces, func(r rune) bool { return r == ',' || r == ' ' })
}

// cacheOptions bound what is watched and kept. Of Secrets only the metadata is watched, and of
// that, annotations are dropped: kubectl apply leaves a copy of the payload there.
func (f *flags) cacheOptions() (cache.Options, error) {
	selector, err := f.selector()
	if err != nil {
		return cache.Options{}, err
	}
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.AgentGroupMapping{}: {Label: selector, Transform: transform.Mapping},
			&v1alpha1.DeepCallAccount{}:   {Label: selector},
			secret:                        {Transform: nameAndVersionOnly},
		},
	}
	for _, namespace := range f.namespaces() {
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options, nil
}

func nameAndVersionOnly(obj any) (any, error) {
	if secret, ok := obj.(*metav1.PartialObjectMetadata); ok {
		secret.ObjectMeta = metav1.ObjectMeta{
			Namespace: secret.Namespace, Name: secret.Name, UID: secret.UID, ResourceVersion: secret.ResourceVersion,
		}
	}
	return obj, nil
}

func (f *flags) metrics() metricsserver.Options {
	options := metricsserver.Options{
		BindAddress:   f.metricsBindAddress,
		SecureServing: f.metricsSecure,
		// HTTP/2 is off since a client can make it costly (CVE-2023-44487), and scraping gains nothing by it.
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	}
	if f.metricsSecure {
		options.FilterProvider = metricsAccess
	}
	return options
}

// cachesSynced is ready once the manager knows what is in the cluster; a standby is, too.
func cachesSynced(c cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("the caches are not synced yet")
		}
		return nil
	}
}
