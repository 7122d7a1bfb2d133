package main

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/cert"
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

func TestLeaseNamespaceIsCheckedAtTheStart(t *testing.T) {
	inPod := filepath.Join(t.TempDir(), "namespace")
	if err := os.WriteFile(inPod, []byte("deepcall-operator-system"), 0o600); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "namespace")
	for name, tc := range map[string]struct {
		args []string
		file string
		ok   bool
	}{
		"it is not needed without leader election": {nil, outside, true},
		"it is that of the Pod by default":         {[]string{"--leader-elect"}, inPod, true},
		"it must be set outside of a Pod":          {[]string{"--leader-elect"}, outside, false},
		"it is set":                                {[]string{"--leader-elect", "--leader-election-namespace=support"}, outside, true},
	} {
		err := parseFlags(t, tc.args...).validateLeaseNamespace(tc.file)
		if (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), "--leader-election-namespace") {
			t.Errorf("%s: got %v", name, err)
		}
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

func TestMetricsCertPathFlag(t *testing.T) {
	certificate, key, err := cert.GenerateSelfSignedCertKey("metrics", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := cert.GenerateSelfSignedCertKey("other", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		files map[string][]byte
		args  []string
		want  string // the end of the error; none if empty
	}{
		{"with both files", map[string][]byte{"tls.crt": certificate, "tls.key": key}, nil, ""},
		{"without a certificate", map[string][]byte{"tls.key": key}, nil, "/tls.crt: no such file or directory"},
		{"without a key", map[string][]byte{"tls.crt": certificate}, nil, "/tls.key: no such file or directory"},
		{"with the key of another certificate", map[string][]byte{"tls.crt": certificate, "tls.key": otherKey}, nil, "private key does not match public key"},
		{"without TLS", map[string][]byte{"tls.crt": certificate, "tls.key": key}, []string{"--metrics-secure=false"}, " requires --metrics-secure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			directory := t.TempDir()
			for name, content := range test.files {
				if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := parseFlags(t, append(test.args, "--metrics-cert-path="+directory)...)
			if got := f.metrics().CertDir; got != directory {
				t.Errorf("the certificate is read from %q, want %q", got, directory)
			}
			switch err := f.validate(); {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "--metrics-cert-path") || !strings.HasSuffix(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
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
	if len(options.ByObject) != 4 {
		t.Errorf("got options for %d kinds, want 4", len(options.ByObject))
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

func TestSecretsAndConfigMapsAreCachedWithoutLabelsAndAnnotations(t *testing.T) {
	options := cacheOptions(scope(t, parseFlags(t)))
	want := metav1.ObjectMeta{Namespace: "support", Name: "acme-deepcall", UID: "1", ResourceVersion: "2"}
	for _, kind := range []string{"Secret", "ConfigMap"} {
		object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: "support", Name: "acme-deepcall", UID: "1", ResourceVersion: "2",
			Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "s3cr3t"},
			Labels:      map[string]string{"token": "s3cr3t"},
		}}
		stripped, err := metadataTransform(t, options, kind)(object)
		if err != nil {
			t.Fatal(err)
		}
		if got := stripped.(*metav1.PartialObjectMetadata).ObjectMeta; got.String() != want.String() {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}

func metadataTransform(t *testing.T, options cache.Options, kind string) func(any) (any, error) {
	t.Helper()
	for obj, by := range options.ByObject {
		if partial, ok := obj.(*metav1.PartialObjectMetadata); ok && partial.Kind == kind {
			return by.Transform
		}
	}
	t.Fatalf("%ss have no transform", kind)
	return nil
}

func TestProxy_that_is_not_a_URL_is_an_error(t *testing.T) {
	for proxy, invalid := range map[string]bool{
		"": false, "http://proxy:3128": false, "http://u:p%25@proxy:3128": false, "proxy:3128": false, "http://u:p%@proxy:3128": true,
	} {
		t.Setenv("HTTPS_PROXY", proxy)
		if _, err := proxyFromEnvironment(httptest.NewRequest(http.MethodPost, "https://v4-api.deepcall.com", nil)); (err != nil) != invalid {
			t.Errorf("%q: got %v", proxy, err)
		}
	}
}
