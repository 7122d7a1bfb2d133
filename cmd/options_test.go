package main

import (
	"flag"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/account"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

func parseFlags(t *testing.T, args ...string) *flags {
	t.Helper()
	f, set := &flags{}, flag.NewFlagSet("manager", flag.ContinueOnError)
	f.bind(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func scope(t *testing.T, f *flags) tenancy.Scope {
	t.Helper()
	scope, err := f.scope()
	if err != nil {
		t.Fatal(err)
	}
	return scope
}

func TestLeaseTimingsLeaveTimeForRequests(t *testing.T) {
	if account.MaxRequestTimeout >= leaseDuration-renewDeadline {
		t.Errorf("a request can take %s, want less than LeaseDuration %s - RenewDeadline %s", account.MaxRequestTimeout, leaseDuration, renewDeadline)
	}
	if account.MaxRequestTimeout >= gracefulShutdownTimeout {
		t.Errorf("a request can take %s, want less than the graceful shutdown timeout %s", account.MaxRequestTimeout, gracefulShutdownTimeout)
	}
	if retryPeriod >= renewDeadline {
		t.Errorf("the lease is renewed every %s, want less than RenewDeadline %s", retryPeriod, renewDeadline)
	}
}

func TestDefaultOptionsAreSafe(t *testing.T) {
	f := parseFlags(t)
	options := f.managerOptions(runtime.NewScheme(), scope(t, f))
	switch {
	case f.controllerOptions(scope(t, f)).AllowInsecureEndpoints:
		t.Error("insecure endpoints are allowed")
	case len(scope(t, f).Namespaces) > 0:
		t.Error("the manager is restricted to namespaces")
	case !options.LeaderElectionReleaseOnCancel:
		t.Error("the lease is not released at shutdown")
	case *options.LeaseDuration != leaseDuration, *options.RenewDeadline != renewDeadline,
		*options.RetryPeriod != retryPeriod, *options.GracefulShutdownTimeout != gracefulShutdownTimeout:
		t.Error("the lease timings are not used")
	case !options.Metrics.SecureServing, options.Metrics.FilterProvider == nil:
		t.Error("the metrics are served without authorization")
	case options.LeaderElectionID == "":
		t.Error("the lease has no name")
	}
}

func TestMetricsSecureFlagDisablesAuthorization(t *testing.T) {
	metrics := parseFlags(t, "--metrics-bind-address=:8080", "--metrics-secure=false").metrics()
	if metrics.SecureServing || metrics.FilterProvider != nil || metrics.BindAddress != ":8080" {
		t.Errorf("got %+v", metrics)
	}
}

func TestWatchNamespacesFlag(t *testing.T) {
	for value, want := range map[string][]string{
		"": nil, "support": {"support"}, "support,sales": {"support", "sales"}, "support, sales,": {"support", "sales"},
	} {
		watched := scope(t, parseFlags(t, "--watch-namespaces="+value))
		var got []string
		for namespace := range cacheOptions(watched).DefaultNamespaces {
			got = append(got, namespace)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
		if len(watched.Namespaces) > 0 != (len(want) > 0) {
			t.Errorf("%q: got Namespaces set: %v", value, len(watched.Namespaces) > 0)
		}
	}
}

func TestLabelSelectorAppliesToMappingsAndAccounts(t *testing.T) {
	options := cacheOptions(scope(t, parseFlags(t, "--watch-label-selector=shard in (a,b)")))
	if len(options.ByObject) != 3 {
		t.Errorf("got options for %d kinds, want 3", len(options.ByObject))
	}
	for obj, by := range options.ByObject {
		_, isMapping := obj.(*v1alpha1.AgentGroupMapping)
		_, isAccount := obj.(*v1alpha1.DeepCallAccount)
		selects := by.Label != nil && by.Label.Matches(labels.Set{"shard": "b"}) && !by.Label.Matches(labels.Set{"shard": "c"})
		if selects != (isMapping || isAccount) {
			t.Errorf("%T: got selector %v", obj, by.Label)
		}
	}
}

func TestErrorsNameTheFlag(t *testing.T) {
	for _, argument := range []string{"--watch-label-selector=a b", "--max-concurrent-reconciles=0"} {
		name, _, _ := strings.Cut(argument, "=")
		if err := parseFlags(t, argument).validate(); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: got %v", argument, err)
		}
	}
}

func TestSecretsAreCachedWithoutLabelsAndAnnotations(t *testing.T) {
	options := cacheOptions(scope(t, parseFlags(t)))
	secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "support", Name: "acme-deepcall", UID: "1", ResourceVersion: "2",
		Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "s3cr3t"},
		Labels:      map[string]string{"token": "s3cr3t"},
	}}
	want := metav1.ObjectMeta{Namespace: "support", Name: "acme-deepcall", UID: "1", ResourceVersion: "2"}
	stripped, err := secretTransform(t, options)(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got := stripped.(*metav1.PartialObjectMetadata).ObjectMeta; got.String() != want.String() {
		t.Errorf("got %v, want %v", got, want)
	}
}

func secretTransform(t *testing.T, options cache.Options) func(any) (any, error) {
	t.Helper()
	for obj, by := range options.ByObject {
		if partial, ok := obj.(*metav1.PartialObjectMetadata); ok && partial.Kind == "Secret" {
			return by.Transform
		}
	}
	t.Fatal("Secrets have no transform")
	return nil
}
