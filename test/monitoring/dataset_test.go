package monitoring

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// minutes is the duration of a scenario.
const minutes = 100

// replica is the labels that Prometheus adds to a scraped replica.
type replica string

const (
	leader  replica = `namespace="deepcall-operator-system", pod="manager-a", job="deepcall", instance="10.0.0.1:8443"`
	standby replica = `namespace="deepcall-operator-system", pod="manager-b", job="deepcall", instance="10.0.0.2:8443"`
	// otherOperator is a replica of an operator that has controllers of the same names.
	otherOperator replica = `namespace="crm", pod="crm-operator", job="crm", instance="10.0.0.3:8443"`
)

const (
	support = `account_namespace="support", account="acme"`
	sales   = `account_namespace="sales", account="acme"`
)

const lease = `name="deepcall-operator.telephony.deepcall.com"`

// dataset maps series to one sample per minute.
type dataset map[string][]string

// set sets a series. Labels are in the format of Prometheus.
func (d dataset) set(r replica, metric, labels string, samples []string) dataset {
	d[seriesName(r, metric, labels)] = samples
	return d
}

func seriesName(r replica, metric, labels string) string {
	if labels != "" {
		labels += ", "
	}
	return metric + "{" + labels + string(r) + "}"
}

func (d dataset) drop(metric string) dataset {
	maps.DeleteFunc(d, func(series string, _ []string) bool { return strings.HasPrefix(series, metric+"{") })
	return d
}

// stop removes the samples of a replica from one minute up to another.
func (d dataset) stop(r replica, from, to int) dataset {
	for series, samples := range d {
		if strings.HasSuffix(series, string(r)+"}") {
			cut(samples, from, to)
		}
	}
	return d
}

// leaderMetrics are the metrics that only the leader exports.
var leaderMetrics = []string{"deepcall_mappings{", "deepcall_account_state{", "deepcall_resync_lag_seconds{", "deepcall_group_receivers{"}

// handOver stops the leader at a minute, and makes the standby the leader.
func (d dataset) handOver(at int) dataset {
	after := dataset{}
	for series, samples := range d {
		for _, metric := range leaderMetrics {
			if strings.HasPrefix(series, metric) {
				samplesAfter := append([]string(nil), samples...)
				for i := range at {
					samplesAfter[i] = "_"
				}
				after[strings.Replace(series, string(leader), string(standby), 1)] = samplesAfter
			}
		}
	}
	maps.Copy(d, after)
	d.set(standby, "leader_election_master_status", lease, gauge(phase{at, 0}, phase{minutes, 1}))
	return d.stop(leader, at, minutes)
}

// account sets the state of an account from one minute up to another. It is Usable before and after.
func (d dataset) account(account, state string, from, to int) dataset {
	for _, each := range []string{"Untried", "Usable", "Denied", "Unreachable", "Misconfigured"} {
		outside, inside := 0.0, 0.0
		if each == "Usable" {
			outside = 1
		}
		if each == state {
			inside = 1
		}
		d.set(leader, "deepcall_account_state", account+`, state="`+each+`"`,
			gauge(phase{from, outside}, phase{to - from, inside}, phase{minutes, outside}))
	}
	return d
}

// mappings sets the number of mappings with a readiness.
func (d dataset) mappings(ready, reason string, samples []string) dataset {
	return d.set(leader, "deepcall_mappings", fmt.Sprintf(`ready=%q, reason=%q`, ready, reason), samples)
}

// receivers sets the number of agents that receive calls for a group.
func (d dataset) receivers(account, group string, samples []string) dataset {
	return d.set(leader, "deepcall_group_receivers", account+`, group="`+group+`"`, samples)
}

// requests adds 10 requests per minute of an account, with a duration in seconds.
func (d dataset) requests(account string, seconds ...phase) dataset {
	return d.histogram("deepcall_api_request_duration_seconds", account, seconds)
}

// waits adds 10 requests per minute of an account, with a wait in seconds.
func (d dataset) waits(account string, seconds ...phase) dataset {
	return d.histogram("deepcall_api_request_wait_seconds", account, seconds)
}

func (d dataset) histogram(metric, account string, seconds []phase) dataset {
	sums := make([]phase, len(seconds))
	for i, each := range seconds {
		sums[i] = phase{each.minutes, 10 * each.value}
	}
	d.set(leader, metric+"_sum", account, counter(sums...))
	return d.set(leader, metric+"_count", account, counter(phase{minutes, 10}))
}

// phase is a value, or an increase per minute, and its duration. The last phase lasts to the end.
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

// cut removes the samples from one minute up to another. The first becomes a staleness marker, as in Prometheus.
func cut(samples []string, from, to int) []string {
	for i := from; i < to; i++ {
		samples[i] = "_"
	}
	samples[from] = "stale"
	return samples
}

// healthy returns the data of two healthy replicas with two accounts and a suspended mapping, and of another operator
// that has faults.
func healthy() dataset {
	d := dataset{}
	for _, r := range []replica{leader, standby} {
		d.set(r, "deepcall_build_info", `version="v0.1.0", revision="abc", goversion="go1.26"`, gauge(phase{minutes, 1}))
		d.set(r, "process_start_time_seconds", "", gauge(phase{minutes, -86400}))
		d.set(r, "deepcall_removals_abandoned_total", "", gauge(phase{minutes, 0}))
		d.set(r, "deepcall_foreign_status_writes_total", "", gauge(phase{minutes, 0}))
		d.set(r, "deepcall_writes_rejected_total", `part="status"`, gauge(phase{minutes, 0}))
		for _, controller := range []string{"agent", "account"} {
			d.workers(r, controller, 0, 0)
			d.set(r, "controller_runtime_reconcile_errors_total", `controller="`+controller+`"`, gauge(phase{minutes, 0}))
		}
	}
	d.set(leader, "leader_election_master_status", lease, gauge(phase{minutes, 1}))
	d.set(standby, "leader_election_master_status", lease, gauge(phase{minutes, 0}))
	d.workers(leader, "agent", 1, 0)
	d.workers(standby, "agent", 0, 10000) // it waits for the lease
	for _, account := range []string{support, sales} {
		d.account(account, "Usable", 0, minutes)
		d.set(leader, "deepcall_resync_lag_seconds", account, gauge(phase{minutes, 20}))
		d.requests(account, phase{minutes, 0.3})
		d.waits(account, phase{minutes, 0.01})
		d.receivers(account, "90", gauge(phase{minutes, 3}))
	}
	d.mappings("True", "Synced", gauge(phase{minutes, 9000}))
	d.mappings("False", "Suspended", gauge(phase{minutes, 1}))

	d.set(otherOperator, "leader_election_master_status", `name="crm"`, gauge(phase{minutes, 0}))
	d.set(otherOperator, "controller_runtime_reconcile_errors_total", `controller="agent"`, counter(phase{minutes, 100}))
	d.set(otherOperator, "process_start_time_seconds", "", gauge(phase{minutes, 0}))
	d.workers(otherOperator, "agent", 16, 500)
	return d
}

// workers sets how many of a controller's 16 workers are active, and how many objects wait, a third of them with low priority.
func (d dataset) workers(r replica, controller string, active, waiting float64) dataset {
	label := `controller="` + controller + `"`
	d.set(r, "controller_runtime_max_concurrent_reconciles", label, gauge(phase{minutes, 16}))
	d.set(r, "controller_runtime_active_workers", label, gauge(phase{minutes, active}))
	d.set(r, "workqueue_depth", label+`, name="`+controller+`", priority="0"`, gauge(phase{minutes, waiting * 2 / 3}))
	return d.set(r, "workqueue_depth", label+`, name="`+controller+`", priority="-100"`, gauge(phase{minutes, waiting / 3}))
}
