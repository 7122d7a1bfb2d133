package monitoring

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// minutes is how long a scenario lasts. Its first half hour is healthy in most.
const minutes = 100

// replica is a scraped target, with the labels that Prometheus adds.
type replica string

const (
	leader  replica = `namespace="deepcall-operator-system", pod="manager-a", job="deepcall", instance="10.0.0.1:8443"`
	standby replica = `namespace="deepcall-operator-system", pod="manager-b", job="deepcall", instance="10.0.0.2:8443"`
	// stranger is another operator, which happens to have controllers of the same names.
	stranger replica = `namespace="crm", pod="crm-operator", job="crm", instance="10.0.0.3:8443"`
)

const (
	support = `account_namespace="support", account="acme"`
	sales   = `account_namespace="sales", account="acme"`
)

const lease = `name="deepcall-operator.telephony.deepcall.com"`

// world holds, by series, one sample for each minute.
type world map[string][]string

// set replaces or adds a series. Labels are written as Prometheus writes them.
func (w world) set(r replica, metric, labels string, samples []string) world {
	w[seriesName(r, metric, labels)] = samples
	return w
}

func seriesName(r replica, metric, labels string) string {
	if labels != "" {
		labels += ", "
	}
	return metric + "{" + labels + string(r) + "}"
}

func (w world) drop(metric string) world {
	maps.DeleteFunc(w, func(series string, _ []string) bool { return strings.HasPrefix(series, metric+"{") })
	return w
}

// stop has a replica not be scraped from one minute on, up to another.
func (w world) stop(r replica, from, to int) world {
	for series, samples := range w {
		if strings.HasSuffix(series, string(r)+"}") {
			cut(samples, from, to)
		}
	}
	return w
}

// told are the metrics that only the leader tells.
var told = []string{"deepcall_mappings{", "deepcall_account_state{", "deepcall_resync_lag_seconds{"}

// handOver has the standby lead from the minute at which the leader stops.
func (w world) handOver(at int) world {
	after := world{}
	for series, samples := range w {
		for _, metric := range told {
			if strings.HasPrefix(series, metric) {
				heir := append([]string(nil), samples...)
				for i := range at {
					heir[i] = "_"
				}
				after[strings.Replace(series, string(leader), string(standby), 1)] = heir
			}
		}
	}
	maps.Copy(w, after)
	w.set(standby, "leader_election_master_status", lease, gauge(phase{at, 0}, phase{minutes, 1}))
	return w.stop(leader, at, minutes)
}

// account sets the state of an account from a minute on; before, it is Usable.
func (w world) account(account, state string, from, to int) world {
	for _, each := range []string{"Untried", "Usable", "Refused", "Unreachable", "Misconfigured"} {
		outside, inside := 0.0, 0.0
		if each == "Usable" {
			outside = 1
		}
		if each == state {
			inside = 1
		}
		w.set(leader, "deepcall_account_state", account+`, state="`+each+`"`,
			gauge(phase{from, outside}, phase{to - from, inside}, phase{minutes, outside}))
	}
	return w
}

// mappings sets how many mappings stand so.
func (w world) mappings(ready, reason string, samples []string) world {
	return w.set(leader, "deepcall_mappings", fmt.Sprintf(`ready=%q, reason=%q`, ready, reason), samples)
}

// calls has an account make 10 calls each minute that take so many seconds each.
func (w world) calls(account string, seconds ...phase) world {
	return w.histogram("deepcall_call_duration_seconds", account, seconds)
}

// waits has 10 calls of an account begin each minute after so many seconds each.
func (w world) waits(account string, seconds ...phase) world {
	return w.histogram("deepcall_limit_wait_seconds", account, seconds)
}

func (w world) histogram(metric, account string, seconds []phase) world {
	sums := make([]phase, len(seconds))
	for i, each := range seconds {
		sums[i] = phase{each.minutes, 10 * each.value}
	}
	w.set(leader, metric+"_sum", account, counter(sums...))
	return w.set(leader, metric+"_count", account, counter(phase{minutes, 10}))
}

// phase is a value, or a growth per minute, that lasts so long. The last one lasts to the end.
type phase struct {
	minutes int
	value   float64
}

func gauge(phases ...phase) []string {
	return sampled(phases, func(_, value float64) float64 { return value })
}

func counter(phases ...phase) []string {
	return sampled(phases, func(before, value float64) float64 { return before + value })
}

func sampled(phases []phase, next func(before, value float64) float64) []string {
	var samples []string
	now := 0.0
	for _, p := range phases {
		for range p.minutes {
			now = next(now, p.value)
			samples = append(samples, strconv.FormatFloat(now, 'f', -1, 64))
		}
	}
	return samples[:minutes]
}

// cut takes the samples out from one minute on, up to another; the first is marked as Prometheus marks it.
func cut(samples []string, from, to int) []string {
	for i := from; i < to; i++ {
		samples[i] = "_"
	}
	samples[from] = "stale"
	return samples
}

// healthy is an operator of two replicas with two accounts, beside an operator that is in trouble. All is
// well with ours, although some is not as it was meant: a mapping is suspended.
func healthy() world {
	w := world{}
	for _, r := range []replica{leader, standby} {
		w.set(r, "deepcall_build_info", `version="v0.1.0", revision="abc", goversion="go1.26"`, gauge(phase{minutes, 1}))
		w.set(r, "process_start_time_seconds", "", gauge(phase{minutes, -86400}))
		w.set(r, "deepcall_removals_abandoned_total", "", gauge(phase{minutes, 0}))
		for _, controller := range []string{"agent", "account"} {
			w.workers(r, controller, 0, 0)
			w.set(r, "controller_runtime_reconcile_errors_total", `controller="`+controller+`"`, gauge(phase{minutes, 0}))
		}
	}
	w.set(leader, "leader_election_master_status", lease, gauge(phase{minutes, 1}))
	w.set(standby, "leader_election_master_status", lease, gauge(phase{minutes, 0}))
	w.workers(leader, "agent", 1, 0)
	w.workers(standby, "agent", 0, 10000) // it waits to lead
	for _, account := range []string{support, sales} {
		w.account(account, "Usable", 0, minutes)
		w.set(leader, "deepcall_resync_lag_seconds", account, gauge(phase{minutes, 20}))
		w.calls(account, phase{minutes, 0.3})
		w.waits(account, phase{minutes, 0.01})
	}
	w.mappings("True", "Synced", gauge(phase{minutes, 9000}))
	w.mappings("False", "Suspended", gauge(phase{minutes, 1}))

	w.set(stranger, "leader_election_master_status", `name="crm"`, gauge(phase{minutes, 0}))
	w.set(stranger, "controller_runtime_reconcile_errors_total", `controller="agent"`, counter(phase{minutes, 100}))
	w.set(stranger, "process_start_time_seconds", "", gauge(phase{minutes, 0}))
	w.workers(stranger, "agent", 16, 500)
	return w
}

// workers has so many of 16 workers work while so many objects wait, a third of them of low priority.
func (w world) workers(r replica, controller string, active, waiting float64) world {
	label := `controller="` + controller + `"`
	w.set(r, "controller_runtime_max_concurrent_reconciles", label, gauge(phase{minutes, 16}))
	w.set(r, "controller_runtime_active_workers", label, gauge(phase{minutes, active}))
	w.set(r, "workqueue_depth", label+`, name="`+controller+`", priority="0"`, gauge(phase{minutes, waiting * 2 / 3}))
	return w.set(r, "workqueue_depth", label+`, name="`+controller+`", priority="-100"`, gauge(phase{minutes, waiting / 3}))
}
