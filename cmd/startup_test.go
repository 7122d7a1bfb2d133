package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// fakeCluster is an API server in which some of the prerequisites are missing.
type fakeCluster struct {
	served      []string // the plural names of our resources
	unreachable bool
	forbidden   []string // namespaces
	permitted   atomic.Bool
}

// permit lets all namespaces be read.
func (c *fakeCluster) permit() { c.permitted.Store(true) }

func (c *fakeCluster) prerequisites(namespaces ...string) *prerequisites {
	resources := func(_ context.Context, groupVersion string) (*metav1.APIResourceList, error) {
		if c.unreachable {
			return nil, errors.New("connection refused")
		}
		if len(c.served) == 0 {
			return nil, apierrors.NewNotFound(schema.GroupResource{}, groupVersion)
		}
		list := &metav1.APIResourceList{GroupVersion: groupVersion}
		for _, name := range c.served {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
		}
		return list, nil
	}
	list := func(_ context.Context, resource schema.GroupVersionResource, namespace string) error {
		if slices.Contains(c.forbidden, namespace) && !c.permitted.Load() {
			return apierrors.NewForbidden(resource.GroupResource(), "", errors.New("no Role"))
		}
		return nil
	}
	return &prerequisites{resources: resources, list: list, clock: clock.RealClock{}, namespaces: namespaces}
}

func TestPrerequisites(t *testing.T) {
	both := []string{"agentgroupmappings", "deepcallaccounts"}
	for name, tc := range map[string]struct {
		cluster              *fakeCluster
		namespaces           []string
		readable, unreadable []string
		missing              string
	}{
		"are met for the whole cluster":                {cluster: &fakeCluster{served: both}},
		"need the API server":                          {cluster: &fakeCluster{unreachable: true}, missing: "the API server can't be reached: connection refused"},
		"need both CRDs":                               {cluster: &fakeCluster{}, missing: "agentgroupmappings.telephony.deepcall.com, deepcallaccounts.telephony.deepcall.com: install them"},
		"need the second CRD":                          {cluster: &fakeCluster{served: both[:1]}, missing: "not installed: deepcallaccounts.telephony.deepcall.com:"},
		"need the permissions for the whole cluster":   {cluster: &fakeCluster{served: both, forbidden: []string{""}}, missing: "the manager can't list agentgroupmappings: "},
		"are met if one of the namespaces can be read": {&fakeCluster{served: both, forbidden: []string{"sales"}}, []string{"support", "sales"}, []string{"support"}, []string{"sales"}, ""},
		"are not met if none of the namespaces can be": {cluster: &fakeCluster{served: both, forbidden: []string{"sales"}}, namespaces: []string{"sales"}, missing: "the manager can't list"},
		"are met for namespaces that can all be read":  {cluster: &fakeCluster{served: both}, namespaces: []string{"support", "sales"}, readable: []string{"support", "sales"}},
	} {
		t.Run(name, func(t *testing.T) {
			readable, unreadable, err := tc.cluster.prerequisites(tc.namespaces...).check(t.Context())
			if !slices.Equal(readable, tc.readable) || !slices.Equal(unreadable, tc.unreadable) {
				t.Errorf("got %q and %q", readable, unreadable)
			}
			if (err != nil) != (tc.missing != "") || err != nil && !strings.Contains(err.Error(), tc.missing) {
				t.Errorf("got the error %v, want %q", err, tc.missing)
			}
		})
	}
}

// The replicas find out at the same time that a namespace can be read. If all restarted at once, none would be the leader.
func TestRestartWhenReadable(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	for name, tc := range map[string]struct {
		elected <-chan struct{}
		delay   time.Duration
	}{
		"a replica without leader election restarts at once": {nil, 0},
		"a standby restarts at once":                         {make(chan struct{}), 0},
		"the leader lets the others restart first":           {closed, leaderRestartDelay},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &fakeCluster{forbidden: []string{"sales"}}
			p := cluster.prerequisites()
			fake := clocktesting.NewFakeClock(time.Unix(0, 0))
			p.clock = fake
			waits := func() {
				for !fake.HasWaiters() {
					runtime.Gosched()
				}
			}
			stopped := make(chan struct{})
			go p.restartWhenReadable(t.Context(), []string{"sales"}, tc.elected, func() { close(stopped) })
			waits()
			fake.Step(unreadablePollInterval) // still forbidden
			waits()
			cluster.permit()
			fake.Step(unreadablePollInterval)
			if tc.delay > 0 {
				waits()
				fake.Step(tc.delay - time.Second)
				waits()
				select {
				case <-stopped:
					t.Fatal("it restarts too early")
				default:
				}
				fake.Step(time.Second)
			}
			<-stopped
		})
	}
}

func TestProbes(t *testing.T) {
	listener := httptest.NewServer(nil)
	address := listener.Listener.Addr().String()
	listener.Close()
	served, err := startProbes(address)
	if err != nil {
		t.Fatal(err)
	}
	status := func(path string) int {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode
	}
	if got := status("/healthz"); got != http.StatusOK {
		t.Errorf("/healthz: got %d at the start", got)
	}
	if got := status("/readyz"); got == http.StatusOK {
		t.Error("/readyz: got OK before the manager is ready")
	}
	served.setReady(func(*http.Request) error { return nil })
	if got := status("/readyz"); got != http.StatusOK {
		t.Errorf("/readyz: got %d when the manager is ready", got)
	}
}
