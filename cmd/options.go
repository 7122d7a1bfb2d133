package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/controller/account"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/controller/transform"
)

// flags are the manager's own command-line flags. controller-runtime binds --kubeconfig and the flags of zap.
type flags struct {
	leaderElect             bool
	leaderElectionNamespace string
	watchNamespaces         string
	watchLabelSelector      string
	maxConcurrentReconciles int
	metricsBindAddress      string
	metricsSecure           bool
	metricsCertPath         string
	groupMetrics            bool
	healthProbeBindAddress  string
	pprofBindAddress        string
	allowInsecureEndpoints  bool
	version                 bool
}

func (f *flags) bind(set *flag.FlagSet) {
	set.BoolVar(&f.leaderElect, "leader-elect", false,
		"Elect a leader among the replicas; only the leader sends requests to DeepCall.")
	set.StringVar(&f.leaderElectionNamespace, "leader-election-namespace", "",
		"The namespace of the lease. Default: the namespace of the manager.")
	set.StringVar(&f.watchNamespaces, "watch-namespaces", "",
		"A comma-separated list of namespaces to watch. Default: all.")
	set.StringVar(&f.watchLabelSelector, "watch-label-selector", "",
		"Watch only mappings and accounts that match this label selector, to divide the work between several managers.")
	set.IntVar(&f.maxConcurrentReconciles, "max-concurrent-reconciles", 16,
		"The maximum number of agents that are reconciled concurrently. Each account limits its own requests to DeepCall.")
	set.StringVar(&f.metricsBindAddress, "metrics-bind-address", "0",
		"The address of the metrics endpoint, such as :8443. 0 disables it.")
	set.BoolVar(&f.metricsSecure, "metrics-secure", true,
		"Serve metrics over HTTPS to clients that the API server authorizes.")
	set.StringVar(&f.metricsCertPath, "metrics-cert-path", "",
		"A directory with the certificate of the metrics endpoint, tls.crt and tls.key, which are read again when they change. "+
			"Default: a self-signed certificate.")
	set.BoolVar(&f.groupMetrics, "group-metrics", false,
		"Export the metric deepcall_group_receivers, with one series for each group of each account.")
	set.StringVar(&f.healthProbeBindAddress, "health-probe-bind-address", ":8081",
		"The address of /healthz and /readyz. 0 disables them.")
	set.StringVar(&f.pprofBindAddress, "pprof-bind-address", "0",
		"The address of the pprof endpoint, such as localhost:6060. It has no authentication. 0 disables it.")
	set.BoolVar(&f.allowInsecureEndpoints, "allow-insecure-endpoints", false,
		"Allow accounts to use http endpoints and loopback, link-local and unspecified addresses. For development only.")
	set.BoolVar(&f.version, "version", false, "Print the version and exit.")
}

// Lease timings. A request must end before another replica can acquire the lease, and before a graceful shutdown
// times out (R14).
const (
	leaseDuration           = 25 * time.Second
	renewDeadline           = 15 * time.Second
	retryPeriod             = 2 * time.Second
	gracefulShutdownTimeout = 30 * time.Second
)

func (f *flags) controllerOptions(scope tenancy.Scope) controller.Options {
	return controller.Options{
		AllowInsecureEndpoints:  f.allowInsecureEndpoints,
		MaxConcurrentReconciles: f.maxConcurrentReconciles,
		Scope:                   scope,
		GroupMetrics:            f.groupMetrics,
		Proxy:                   proxyFromEnvironment,
	}
}

// proxyFromEnvironment returns the proxy for a request. http.ProxyFromEnvironment ignores a URL that it can't parse, for example
// because of a percent sign in the password: the request would silently be sent without the proxy.
func proxyFromEnvironment(request *http.Request) (*url.URL, error) {
	proxy := cmp.Or(os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy"))
	if !isURL(proxy) && !isURL("http://"+proxy) { // the scheme is optional
		return nil, errors.New("HTTPS_PROXY is not a URL")
	}
	return http.ProxyFromEnvironment(request)
}

func isURL(text string) bool {
	_, err := url.Parse(text)
	return err == nil
}

// scope returns the namespaces and the label selector to watch.
func (f *flags) scope() (tenancy.Scope, error) {
	selector, err := labels.Parse(f.watchLabelSelector)
	if err != nil {
		return tenancy.Scope{}, fmt.Errorf("--watch-label-selector: %w", err)
	}
	namespaces := strings.FieldsFunc(f.watchNamespaces, func(r rune) bool { return r == ',' || r == ' ' })
	return tenancy.Scope{Namespaces: namespaces, Selector: selector}, nil
}

// validate returns an error for flags that can't be used.
func (f *flags) validate() error {
	if f.maxConcurrentReconciles < 1 {
		return fmt.Errorf("--max-concurrent-reconciles must be at least 1, not %d", f.maxConcurrentReconciles)
	}
	if err := f.validateMetricsCert(); err != nil {
		return err
	}
	if err := f.validateLeaseNamespace(podNamespaceFile); err != nil {
		return err
	}
	_, err := f.scope()
	return err
}

// validateMetricsCert returns an error if there is no usable certificate in --metrics-cert-path. Without this check,
// controller-runtime would serve a self-signed one instead.
func (f *flags) validateMetricsCert() error {
	if f.metricsCertPath == "" {
		return nil
	}
	if !f.metricsSecure {
		return errors.New("--metrics-cert-path requires --metrics-secure")
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(f.metricsCertPath, corev1.TLSCertKey), filepath.Join(f.metricsCertPath, corev1.TLSPrivateKeyKey)); err != nil {
		return fmt.Errorf("--metrics-cert-path=%s: %w", f.metricsCertPath, err)
	}
	return nil
}

func (f *flags) managerOptions(scheme *runtime.Scheme, scope tenancy.Scope) ctrl.Options {
	return ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(scope),
		Metrics:                       f.metrics(),
		HealthProbeBindAddress:        "0", // startProbes serves them
		PprofBindAddress:              f.pprofBindAddress,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              f.leaseName(),
		LeaderElectionNamespace:       f.leaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true, // safe: the last request has ended by then
		LeaseDuration:                 ptr.To(leaseDuration),
		RenewDeadline:                 ptr.To(renewDeadline),
		RetryPeriod:                   ptr.To(retryPeriod),
		GracefulShutdownTimeout:       ptr.To(gracefulShutdownTimeout),
		Controller:                    config.Controller{EnableWarmup: ptr.To(true)},
	}
}

// leaseName returns the name of the lease. Managers with different label selectors do not compete for the same lease.
func (f *flags) leaseName() string {
	const name = "deepcall-operator.telephony.deepcall.com"
	if f.watchLabelSelector == "" {
		return name
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(f.watchLabelSelector))
	return fmt.Sprintf("%s-%08x", name, hash.Sum32())
}

// cacheOptions limit what is watched and cached. Only the metadata of Secrets and ConfigMaps is watched, without annotations,
// since kubectl apply stores a copy of the data in one.
func cacheOptions(scope tenancy.Scope) cache.Options {
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		NewInformer:      controller.NewInformer,
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.AgentGroupMapping{}:   {Label: scope.Selector, Transform: transform.Mapping},
			&v1alpha1.DeepCallAccount{}:     {Label: scope.Selector, Transform: transform.Account},
			account.MetadataOf("Secret"):    {Transform: stripMetadata},
			account.MetadataOf("ConfigMap"): {Transform: stripMetadata},
		},
	}
	for _, namespace := range scope.Namespaces {
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options
}

// stripMetadata removes all metadata of a Secret or ConfigMap but its name, UID and version.
func stripMetadata(obj any) (any, error) {
	if object, ok := obj.(*metav1.PartialObjectMetadata); ok {
		object.ObjectMeta = metav1.ObjectMeta{
			Namespace: object.Namespace, Name: object.Name, UID: object.UID, ResourceVersion: object.ResourceVersion,
		}
	}
	return obj, nil
}

func (f *flags) metrics() metricsserver.Options {
	options := metricsserver.Options{
		BindAddress:   f.metricsBindAddress,
		SecureServing: f.metricsSecure,
		CertDir:       f.metricsCertPath, // with the default names tls.crt and tls.key
		// HTTP/2 is disabled because of CVE-2023-44487; scraping does not need it.
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	}
	if f.metricsSecure {
		options.FilterProvider = metricsAccess
	}
	return options
}

// cachesSynced reports ready once the caches have synced, on the leader as well as on a standby.
func cachesSynced(c cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("the caches have not synced")
		}
		return nil
	}
}
