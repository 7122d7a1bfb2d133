package metrics_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

var (
	acme   = types.NamespacedName{Namespace: "support", Name: "acme"}
	globex = types.NamespacedName{Namespace: "sales", Name: "globex"}
	noon   = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
)

// harness is a Metrics with the sources of a test.
type harness struct {
	*metrics.Metrics
	t        *testing.T
	clock    *clocktesting.FakeClock
	isLeader bool
	accounts accounts
	mappings mappings
}

type accounts map[types.NamespacedName]dispatch.Health

func (a accounts) HealthByAccount() map[types.NamespacedName]dispatch.Health { return a }

func (a accounts) Has(account types.NamespacedName) bool {
	_, ok := a[account]
	return ok
}

type mappings map[metrics.Readiness]int

func (m mappings) CountByReadiness() map[metrics.Readiness]int { return m }

func newHarness(t *testing.T) *harness {
	t.Helper()
	return newHarnessWithGroups(t, nil)
}

func newHarnessWithGroups(t *testing.T, groups metrics.Groups) *harness {
	t.Helper()
	h := &harness{
		t: t, clock: clocktesting.NewFakeClock(noon), isLeader: true,
		accounts: accounts{
			acme:   {State: dispatch.Untried, Duplicates: 1},
			globex: {State: dispatch.Usable, ConfigError: dispatch.ConfigError{Reason: "InvalidEndpoint"}},
		},
		mappings: mappings{},
	}
	h.Metrics = metrics.New(metrics.Sources{
		Clock: h.clock, IsLeader: func() bool { return h.isLeader }, Accounts: h.accounts, Mappings: h.mappings, Groups: groups,
	})
	return h
}

// remove removes an account as its reconciler does.
func (h *harness) remove(account types.NamespacedName) {
	delete(h.accounts, account)
	h.DeleteAccount(account)
}

// request observes a request with this duration and result.
func (h *harness) request(account types.NamespacedName, took time.Duration, answer deepcall.Answer, err error) {
	h.t.Helper()
	_, _ = h.ObserveRequest(h.t.Context(), account, func(context.Context) (deepcall.Answer, error) {
		h.clock.SetTime(h.clock.Now().Add(took))
		return answer, err
	})
}

// expect compares the samples of a metric, without its help and type.
func (h *harness) expect(name, samples string) {
	h.t.Helper()
	var got []string
	for line := range strings.Lines(h.text(name)) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if want := strings.Join(strings.Fields(samples), " "); strings.Join(got, " ") != want {
		h.t.Errorf("%s:\n%s\nwanted:\n%s", name, strings.Join(got, "\n"), samples)
	}
}

// text returns the response to a scrape.
func (h *harness) text(names ...string) string {
	h.t.Helper()
	text, err := testutil.CollectAndFormat(h.Metrics, expfmt.TypeTextPlain, names...)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

func errorOf(code int) error {
	entry, _ := deepcall.Lookup(code)
	return &deepcall.Error{Entry: entry}
}

func TestRequests_are_counted_by_class_code_and_reason(t *testing.T) {
	h := newHarness(t)
	h.request(acme, 0, deepcall.Answer{Code: 200}, nil)
	h.request(acme, 0, deepcall.Answer{Code: 200}, nil)
	h.request(acme, 0, deepcall.Answer{}, errorOf(1505))
	h.request(globex, 0, deepcall.Answer{}, errorOf(1014))
	h.request(globex, 0, deepcall.Answer{}, errors.New("not of the client"))
	h.expect("deepcall_api_requests_total", `
		deepcall_api_requests_total{account="acme",account_namespace="support",class="Accepted",code="200",reason="Accepted"} 2
		deepcall_api_requests_total{account="acme",account_namespace="support",class="Rejected",code="1505",reason="InvalidGroupData"} 1
		deepcall_api_requests_total{account="globex",account_namespace="sales",class="Denied",code="1014",reason="InvalidToken"} 1
		deepcall_api_requests_total{account="globex",account_namespace="sales",class="Transient",code="none",reason="UnreadableAnswer"} 1`)
}

func TestRequests_with_undocumented_codes_share_a_label(t *testing.T) {
	h := newHarness(t)
	for code := 7000; code < 7100; code++ {
		h.request(acme, 0, deepcall.Answer{}, &deepcall.Error{Entry: deepcall.Entry{Code: code, Reason: "UnknownCode", Class: deepcall.Transient}})
	}
	h.expect("deepcall_api_requests_total",
		`deepcall_api_requests_total{account="acme",account_namespace="support",class="Transient",code="unknown",reason="UnknownCode"} 100`)
}

func TestRequests_are_in_flight_until_their_result(t *testing.T) {
	h := newHarness(t)
	_, _ = h.ObserveRequest(t.Context(), acme, func(context.Context) (deepcall.Answer, error) {
		h.expect("deepcall_api_requests_in_flight", `deepcall_api_requests_in_flight{account="acme",account_namespace="support"} 1`)
		return deepcall.Answer{Code: 200}, nil
	})
	h.expect("deepcall_api_requests_in_flight", `deepcall_api_requests_in_flight{account="acme",account_namespace="support"} 0`)
}

func TestRequests_are_timed(t *testing.T) {
	h := newHarness(t)
	h.request(acme, 3*time.Second, deepcall.Answer{Code: 200}, nil)
	h.ObserveWait(acme, 90*time.Second)
	for name, sum := range map[string]string{
		"deepcall_api_request_duration_seconds": "deepcall_api_request_duration_seconds_sum{account=\"acme\",account_namespace=\"support\"} 3\n",
		"deepcall_api_request_wait_seconds":     "deepcall_api_request_wait_seconds_sum{account=\"acme\",account_namespace=\"support\"} 90\n",
	} {
		if text := h.text(name); !strings.Contains(text, sum) {
			t.Errorf("no %q in\n%s", sum, text)
		}
	}
}

func TestMappings_are_counted_by_readiness(t *testing.T) {
	h := newHarness(t)
	h.mappings[metrics.Readiness{Ready: "True", Reason: "Synced"}] = 2
	h.mappings[metrics.Readiness{Ready: "False", Reason: "Conflict"}] = 1
	h.expect("deepcall_mappings", `
		deepcall_mappings{ready="False",reason="Conflict"} 1
		deepcall_mappings{ready="True",reason="Synced"} 2`)
	delete(h.mappings, metrics.Readiness{Ready: "False", Reason: "Conflict"})
	h.expect("deepcall_mappings", `deepcall_mappings{ready="True",reason="Synced"} 2`)
}

func TestAccounts_are_in_one_state(t *testing.T) {
	h := newHarness(t)
	h.expect("deepcall_account_state", `
		deepcall_account_state{account="acme",account_namespace="support",state="Denied"} 0
		deepcall_account_state{account="acme",account_namespace="support",state="Misconfigured"} 0
		deepcall_account_state{account="acme",account_namespace="support",state="Unreachable"} 0
		deepcall_account_state{account="acme",account_namespace="support",state="Untried"} 1
		deepcall_account_state{account="acme",account_namespace="support",state="Usable"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Denied"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Misconfigured"} 1
		deepcall_account_state{account="globex",account_namespace="sales",state="Unreachable"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Untried"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Usable"} 0`)
}

func TestAccounts_have_duplicates(t *testing.T) {
	newHarness(t).expect("deepcall_account_duplicates", `
		deepcall_account_duplicates{account="acme",account_namespace="support"} 1
		deepcall_account_duplicates{account="globex",account_namespace="sales"} 0`)
}

func TestResyncs_lag_behind_the_oldest_due_one(t *testing.T) {
	h := newHarness(t)
	h.Resyncs.SetDue(acme, "7", noon.Add(-time.Minute))
	h.Resyncs.SetDue(acme, "8", noon.Add(-time.Hour))
	h.Resyncs.SetDue(globex, "7", noon.Add(time.Minute))
	h.expect("deepcall_resync_lag_seconds", `
		deepcall_resync_lag_seconds{account="acme",account_namespace="support"} 3600
		deepcall_resync_lag_seconds{account="globex",account_namespace="sales"} 0`)
	h.Resyncs.SetDue(acme, "8", noon.Add(time.Hour))
	h.Resyncs.SetDue(globex, "7", time.Time{})
	h.expect("deepcall_resync_lag_seconds", `deepcall_resync_lag_seconds{account="acme",account_namespace="support"} 60`)
}

func TestMetrics_of_the_cluster_are_exported_by_the_leader_only(t *testing.T) {
	h := newHarness(t)
	h.isLeader = false
	h.mappings[metrics.Readiness{Ready: "True", Reason: "Synced"}] = 1
	h.Resyncs.SetDue(acme, "7", noon)
	h.request(acme, 0, deepcall.Answer{Code: 200}, nil)
	for _, name := range []string{"deepcall_mappings", "deepcall_account_state", "deepcall_account_duplicates", "deepcall_resync_lag_seconds"} {
		h.expect(name, "")
	}
	if n := testutil.CollectAndCount(h.Metrics, "deepcall_api_requests_total"); n != 1 {
		t.Errorf("its own requests: %d series, not 1", n)
	}
}

func TestDeleteAccount_deletes_all_series(t *testing.T) {
	h := newHarness(t)
	for _, account := range []types.NamespacedName{acme, globex} {
		h.request(account, 0, deepcall.Answer{Code: 200}, nil)
		h.request(account, 0, deepcall.Answer{}, errorOf(1505))
		h.ObserveWait(account, time.Second)
	}
	_, _ = h.ObserveRequest(t.Context(), acme, func(context.Context) (deepcall.Answer, error) {
		h.remove(acme) // while a request is in flight
		return deepcall.Answer{Code: 200}, nil
	})
	h.ObserveWait(acme, time.Second)
	text := h.text("deepcall_api_requests_total", "deepcall_api_request_duration_seconds", "deepcall_api_requests_in_flight", "deepcall_api_request_wait_seconds")
	if strings.Contains(text, "acme") || !strings.Contains(text, "globex") {
		t.Errorf("got series of acme, which is deleted, or none of globex:\n%s", text)
	}
}

func TestMetrics_pass_the_linter_of_Prometheus(t *testing.T) {
	h := newHarness(t)
	h.mappings[metrics.Readiness{Ready: "True", Reason: "Synced"}] = 1
	h.Resyncs.SetDue(acme, "7", noon)
	h.ObserveWait(acme, time.Second)
	h.request(acme, time.Second, deepcall.Answer{Code: 200}, nil)
	for _, collector := range []prometheus.Collector{h.Metrics, metrics.BuildInfo("v0.1.0", "abc", "go1.26")} {
		problems, err := testutil.CollectAndLint(collector)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	if n := testutil.CollectAndCount(h.Metrics); n == 0 {
		t.Error("there are no metrics")
	}
}
