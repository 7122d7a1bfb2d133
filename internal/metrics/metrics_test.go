package metrics_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

var (
	acme   = types.NamespacedName{Namespace: "support", Name: "acme"}
	globex = types.NamespacedName{Namespace: "sales", Name: "globex"}
	noon   = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
)

// bench is a set of metrics with sources that a test holds in its hand.
type bench struct {
	*metrics.Metrics
	t        *testing.T
	clock    *clocktesting.FakeClock
	leads    bool
	accounts *account.Registry
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, clock: clocktesting.NewFakeClock(noon), leads: true}
	nobody := func(string) {}
	b.accounts = account.NewRegistry(b.clock, func(types.NamespacedName) account.Hooks {
		return account.Hooks{Wake: nobody, Tell: nobody, Changed: func() {}}
	})
	b.accounts.Configure(acme, account.Settings{})
	b.accounts.Configure(globex, account.Settings{Problem: account.Problem{Reason: "InvalidEndpoint"}})
	b.Metrics = metrics.New(metrics.Sources{Clock: b.clock, Leads: func() bool { return b.leads }, Accounts: b.accounts})
	return b
}

// remove takes an account out of use, as its reconciler does.
func (b *bench) remove(name types.NamespacedName) {
	b.accounts.Remove(name)
	b.Forget(name)
}

// call makes a call that takes so long and ends so.
func (b *bench) call(account types.NamespacedName, took time.Duration, answer deepcall.Answer, err error) {
	b.t.Helper()
	_, _ = b.Call(account, func() (deepcall.Answer, error) {
		b.clock.SetTime(b.clock.Now().Add(took))
		return answer, err
	})
}

// expect compares the samples of one metric, without its help and type.
func (b *bench) expect(name, samples string) {
	b.t.Helper()
	var got []string
	for line := range strings.Lines(b.text(name)) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if want := strings.Join(strings.Fields(samples), " "); strings.Join(got, " ") != want {
		b.t.Errorf("%s:\n%s\nwanted:\n%s", name, strings.Join(got, "\n"), samples)
	}
}

// text is what a scrape gets.
func (b *bench) text(names ...string) string {
	b.t.Helper()
	text, err := testutil.CollectAndFormat(b.Metrics, expfmt.TypeTextPlain, names...)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func refused(code int) error {
	entry, _ := deepcall.Lookup(code)
	return &deepcall.Error{Entry: entry}
}

func TestCallsAreCountedByClassCodeAndReason(t *testing.T) {
	b := newBench(t)
	b.call(acme, 0, deepcall.Answer{Code: 200}, nil)
	b.call(acme, 0, deepcall.Answer{Code: 200}, nil)
	b.call(acme, 0, deepcall.Answer{}, refused(1505))
	b.call(globex, 0, deepcall.Answer{}, refused(1014))
	b.call(globex, 0, deepcall.Answer{}, errors.New("nobody's error"))
	b.expect("deepcall_calls_total", `
		deepcall_calls_total{account="acme",account_namespace="support",class="Accepted",code="200",reason="Accepted"} 2
		deepcall_calls_total{account="acme",account_namespace="support",class="Rejected",code="1505",reason="InvalidGroupData"} 1
		deepcall_calls_total{account="globex",account_namespace="sales",class="Denied",code="1014",reason="InvalidToken"} 1
		deepcall_calls_total{account="globex",account_namespace="sales",class="Transient",code="none",reason="UnreadableAnswer"} 1`)
}

func TestACodeThatAServerMakesUpIsNoLabel(t *testing.T) {
	b := newBench(t)
	for code := 7000; code < 7100; code++ {
		b.call(acme, 0, deepcall.Answer{}, &deepcall.Error{Entry: deepcall.Entry{Code: code, Reason: "UnknownCode", Class: deepcall.Transient}})
	}
	b.expect("deepcall_calls_total",
		`deepcall_calls_total{account="acme",account_namespace="support",class="Transient",code="unknown",reason="UnknownCode"} 100`)
}

func TestACallIsInFlightWhileItLasts(t *testing.T) {
	b := newBench(t)
	_, _ = b.Call(acme, func() (deepcall.Answer, error) {
		b.expect("deepcall_calls_in_flight", `deepcall_calls_in_flight{account="acme",account_namespace="support"} 1`)
		return deepcall.Answer{Code: 200}, nil
	})
	b.expect("deepcall_calls_in_flight", `deepcall_calls_in_flight{account="acme",account_namespace="support"} 0`)
}

func TestTimesAreMeasured(t *testing.T) {
	b := newBench(t)
	b.call(acme, 3*time.Second, deepcall.Answer{Code: 200}, nil)
	b.Waited(acme, 90*time.Second)
	for name, sum := range map[string]string{
		"deepcall_call_duration_seconds": "deepcall_call_duration_seconds_sum{account=\"acme\",account_namespace=\"support\"} 3\n",
		"deepcall_limit_wait_seconds":    "deepcall_limit_wait_seconds_sum{account=\"acme\",account_namespace=\"support\"} 90\n",
	} {
		if text := b.text(name); !strings.Contains(text, sum) {
			t.Errorf("no %q in\n%s", sum, text)
		}
	}
}

func TestMappingsAreCountedByReadinessAndReason(t *testing.T) {
	b := newBench(t)
	synced := metrics.Readiness{Ready: "True", Reason: "Synced"}
	conflict := metrics.Readiness{Ready: "False", Reason: "Conflict"}
	b.Mappings.Come(synced)
	b.Mappings.Come(synced)
	b.Mappings.Come(conflict)
	b.Mappings.Change(synced, synced)
	b.expect("deepcall_mappings", `
		deepcall_mappings{ready="False",reason="Conflict"} 1
		deepcall_mappings{ready="True",reason="Synced"} 2`)
	b.Mappings.Change(conflict, synced)
	b.Mappings.Go(synced)
	b.expect("deepcall_mappings", `deepcall_mappings{ready="True",reason="Synced"} 2`)
}

func TestAnAccountIsInOneState(t *testing.T) {
	b := newBench(t)
	b.expect("deepcall_account_state", `
		deepcall_account_state{account="acme",account_namespace="support",state="Misconfigured"} 0
		deepcall_account_state{account="acme",account_namespace="support",state="Refused"} 0
		deepcall_account_state{account="acme",account_namespace="support",state="Unreachable"} 0
		deepcall_account_state{account="acme",account_namespace="support",state="Untried"} 1
		deepcall_account_state{account="acme",account_namespace="support",state="Usable"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Misconfigured"} 1
		deepcall_account_state{account="globex",account_namespace="sales",state="Refused"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Unreachable"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Untried"} 0
		deepcall_account_state{account="globex",account_namespace="sales",state="Usable"} 0`)
}

func TestTheOldestDueResyncIsTheLag(t *testing.T) {
	b := newBench(t)
	b.Resyncs.Set(acme, "7", noon.Add(-time.Minute))
	b.Resyncs.Set(acme, "8", noon.Add(-time.Hour))
	b.Resyncs.Set(globex, "7", noon.Add(time.Minute))
	b.expect("deepcall_resync_lag_seconds", `
		deepcall_resync_lag_seconds{account="acme",account_namespace="support"} 3600
		deepcall_resync_lag_seconds{account="globex",account_namespace="sales"} 0`)
	b.Resyncs.Set(acme, "8", noon.Add(time.Hour))
	b.Resyncs.Set(globex, "7", time.Time{})
	b.expect("deepcall_resync_lag_seconds", `deepcall_resync_lag_seconds{account="acme",account_namespace="support"} 60`)
}

func TestAStandbyTellsNothingOfTheCluster(t *testing.T) {
	b := newBench(t)
	b.leads = false
	b.Mappings.Come(metrics.Readiness{Ready: "True", Reason: "Synced"})
	b.Resyncs.Set(acme, "7", noon)
	b.call(acme, 0, deepcall.Answer{Code: 200}, nil)
	for _, name := range []string{"deepcall_mappings", "deepcall_account_state", "deepcall_resync_lag_seconds"} {
		b.expect(name, "")
	}
	if n := testutil.CollectAndCount(b.Metrics, "deepcall_calls_total"); n != 1 {
		t.Errorf("its own calls: %d series, not 1", n)
	}
}

func TestAnAccountThatIsGoneLeavesNoSeries(t *testing.T) {
	b := newBench(t)
	for _, account := range []types.NamespacedName{acme, globex} {
		b.call(account, 0, deepcall.Answer{Code: 200}, nil)
		b.call(account, 0, deepcall.Answer{}, refused(1505))
		b.Waited(account, time.Second)
	}
	_, _ = b.Call(acme, func() (deepcall.Answer, error) {
		b.remove(acme) // while a call is under way
		return deepcall.Answer{Code: 200}, nil
	})
	b.Waited(acme, time.Second)
	text := b.text("deepcall_calls_total", "deepcall_call_duration_seconds", "deepcall_calls_in_flight", "deepcall_limit_wait_seconds")
	if strings.Contains(text, "acme") || !strings.Contains(text, "globex") {
		t.Errorf("acme is gone, globex is not:\n%s", text)
	}
}

func TestNamesAndHelpKeepToPrometheusRules(t *testing.T) {
	b := newBench(t)
	b.Mappings.Come(metrics.Readiness{Ready: "True", Reason: "Synced"})
	b.Resyncs.Set(acme, "7", noon)
	b.Waited(acme, time.Second)
	b.call(acme, time.Second, deepcall.Answer{Code: 200}, nil)
	for _, collector := range []prometheus.Collector{b.Metrics, metrics.BuildInfo("v0.1.0", "abc", "go1.26")} {
		problems, err := testutil.CollectAndLint(collector)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	if n := testutil.CollectAndCount(b.Metrics); n == 0 {
		t.Error("nothing was looked at")
	}
}
