package main

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
)

func parsed(t *testing.T, args ...string) *flags {
	t.Helper()
	f, set := &flags{}, flag.NewFlagSet("manager", flag.ContinueOnError)
	f.bind(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func controlled(t *testing.T, f *flags) controller.Options {
	t.Helper()
	options, err := f.controllerOptions()
	if err != nil {
		t.Fatal(err)
	}
	return options
}

func TestTheDefaultTimesKeepTwoLeadersFromCallingAtOnce(t *testing.T) {
	if err := defaultTimes.check(); err != nil {
		t.Error(err)
	}
	if defaultTimes.request != controller.MaxRequestTimeout {
		t.Errorf("a call is reckoned to take %s, want %s", defaultTimes.request, controller.MaxRequestTimeout)
	}
	if defaultTimes.retryPeriod >= defaultTimes.renewDeadline {
		t.Errorf("the lease is renewed every %s, want less than the renew deadline %s", defaultTimes.retryPeriod, defaultTimes.renewDeadline)
	}
}

func TestTimesThatLetACallOutliveItsLeaderAreRefused(t *testing.T) {
	for _, test := range []struct {
		name                                   string
		request, lease, renewDeadline, stopped time.Duration
		want                                   string // in the message; none: they are good
	}{
		{"a second to spare", 9 * time.Second, 25 * time.Second, 15 * time.Second, 10 * time.Second, ""},
		{"as long as the lease outlives its renewal", 10 * time.Second, 25 * time.Second, 15 * time.Second, time.Minute, "the lease's duration 25s less its renew deadline 15s"},
		{"longer than that", 11 * time.Second, 25 * time.Second, 15 * time.Second, time.Minute, "a call may take 11s"},
		{"controller-runtime's own defaults", 9 * time.Second, 15 * time.Second, 10 * time.Second, 30 * time.Second, "less than the lease's duration 15s"},
		{"as long as the shutdown", 9 * time.Second, 25 * time.Second, 15 * time.Second, 9 * time.Second, "less than the shutdown time-out 9s"},
		{"a shutdown that does not wait", 9 * time.Second, 25 * time.Second, 15 * time.Second, 0, "less than the shutdown time-out 0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := times{request: test.request, leaseDuration: test.lease, renewDeadline: test.renewDeadline, shutdown: test.stopped}.check()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTheManagerIsSafeByDefault(t *testing.T) {
	f := parsed(t)
	options, err := f.managerOptions(runtime.NewScheme(), defaultTimes)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case controlled(t, f).AllowInsecureEndpoints:
		t.Error("insecure endpoints are allowed")
	case len(controlled(t, f).Namespaces) > 0:
		t.Error("it takes itself for restricted to namespaces")
	case !options.LeaderElectionReleaseOnCancel:
		t.Error("the lease is not released at the end")
	case *options.LeaseDuration != defaultTimes.leaseDuration, *options.RenewDeadline != defaultTimes.renewDeadline,
		*options.RetryPeriod != defaultTimes.retryPeriod, *options.GracefulShutdownTimeout != defaultTimes.shutdown:
		t.Error("the times that were checked are not those in force")
	case !options.Metrics.SecureServing, options.Metrics.FilterProvider == nil:
		t.Error("the metrics are served to anybody")
	case options.LeaderElectionID == "":
		t.Error("the lease has no name")
	}
}

func TestMetricsAreOpenOnlyWhenAskedTo(t *testing.T) {
	metrics := parsed(t, "--metrics-bind-address=:8080", "--metrics-secure=false").metrics()
	if metrics.SecureServing || metrics.FilterProvider != nil || metrics.BindAddress != ":8080" {
		t.Errorf("got %+v", metrics)
	}
}

func TestWatchNamespacesIsAList(t *testing.T) {
	for given, want := range map[string][]string{
		"": nil, "support": {"support"}, "support,sales": {"support", "sales"}, "support, sales,": {"support", "sales"},
	} {
		f := parsed(t, "--watch-namespaces="+given)
		options, err := f.cacheOptions()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for namespace := range options.DefaultNamespaces {
			got = append(got, namespace)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
		if len(controlled(t, f).Namespaces) > 0 != (len(want) > 0) {
			t.Errorf("%q: Namespaced is %v", given, len(controlled(t, f).Namespaces) > 0)
		}
	}
}

func TestTheLabelSelectorIsForOurKindsAndNotForSecrets(t *testing.T) {
	options, err := parsed(t, "--watch-label-selector=shard in (a,b)").cacheOptions()
	if err != nil {
		t.Fatal(err)
	}
	if len(options.ByObject) != 3 {
		t.Errorf("got options for %d kinds, want them for 3", len(options.ByObject))
	}
	for obj, by := range options.ByObject {
		_, isMapping := obj.(*v1alpha1.AgentGroupMapping)
		_, isAccount := obj.(*v1alpha1.DeepCallAccount)
		selects := by.Label != nil && by.Label.Matches(labels.Set{"shard": "b"}) && !by.Label.Matches(labels.Set{"shard": "c"})
		if selects != (isMapping || isAccount) {
			t.Errorf("%T: the selector is %v", obj, by.Label)
		}
	}
}

func TestABadLabelSelectorIsRefusedByTheNameOfItsFlag(t *testing.T) {
	_, err := parsed(t, "--watch-label-selector=a b").managerOptions(runtime.NewScheme(), defaultTimes)
	if err == nil || !strings.HasPrefix(err.Error(), "--watch-label-selector: ") {
		t.Errorf("got %v", err)
	}
}

func TestNothingOfASecretIsKeptButItsNameAndVersion(t *testing.T) {
	options, err := parsed(t).cacheOptions()
	if err != nil {
		t.Fatal(err)
	}
	secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "support", Name: "acme-deepcall", UID: "1", ResourceVersion: "2",
		Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "s3cr3t"},
		Labels:      map[string]string{"token": "s3cr3t"},
	}}
	want := metav1.ObjectMeta{Namespace: "support", Name: "acme-deepcall", UID: "1", ResourceVersion: "2"}
	kept, err := transformOfSecrets(t, options)(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got := kept.(*metav1.PartialObjectMetadata).ObjectMeta; got.String() != want.String() {
		t.Errorf("got %v, want %v", got, want)
	}
}

func transformOfSecrets(t *testing.T, options cache.Options) func(any) (any, error) {
	t.Helper()
	for obj, by := range options.ByObject {
		if partial, ok := obj.(*metav1.PartialObjectMetadata); ok && partial.Kind == "Secret" {
			return by.Transform
		}
	}
	t.Fatal("Secrets have no transform")
	return nil
}
