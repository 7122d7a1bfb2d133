package monitoring

import "slices"

// faultAt is the minute at which the fault of most scenarios begins.
const faultAt = 30

var accountLabels = map[string]string{"account_namespace": "support", "account": "acme"}

func scenarios() []scenario {
	return slices.Concat(
		[]scenario{silent("the operator is healthy", healthy())},
		operatorScenarios(), accountScenarios(), requestScenarios(), mappingScenarios(), groupScenarios(), writeScenarios(), removalScenarios(),
		secondOperatorScenarios(), reconcilerScenarios(),
	)
}

func operatorScenarios() []scenario {
	absent := firing{
		alert:   "DeepCallOperatorAbsent",
		summary: "Prometheus scrapes no replica of the DeepCall operator.",
		description: "No replica of the DeepCall operator was scraped for 5 minutes. While none runs, changes of mappings do not " +
			"reach DeepCall, and deletions of mappings wait. Check that its pods run: kubectl get pods -A -l " +
			"app.kubernetes.io/name=deepcall-operator. If they do, check that Prometheus is allowed to scrape them.",
	}
	noLeader := firing{
		alert:   "DeepCallNoLeader",
		labels:  map[string]string{"namespace": "deepcall-operator-system", "name": "deepcall-operator.telephony.deepcall.com"},
		summary: "No replica of the DeepCall operator in deepcall-operator-system is the leader.",
		description: "Replicas of the DeepCall operator run, but for 5 minutes none of them held the lease " +
			"deepcall-operator.telephony.deepcall.com. Only the leader sends requests, so changes of mappings do not reach " +
			"DeepCall. Find the holder of the lease: kubectl get lease -n deepcall-operator-system " +
			"deepcall-operator.telephony.deepcall.com, and the cause: kubectl logs -n deepcall-operator-system -l " +
			"app.kubernetes.io/name=deepcall-operator --tail=200.",
	}
	leaderless := func(d dataset, until int) dataset {
		for _, metric := range leaderMetrics {
			d.drop(metric[:len(metric)-1])
		}
		return d.set(leader, "leader_election_master_status", lease,
			gauge(phase{faultAt, 1}, phase{until - faultAt, 0}, phase{minutes, 1}))
	}
	return []scenario{
		fires("both replicas stop", faultAt+5,
			healthy().stop(leader, faultAt, minutes).stop(standby, faultAt, minutes), absent),
		silent("both replicas are missing for almost 5 minutes",
			healthy().stop(leader, faultAt, faultAt+5).stop(standby, faultAt, faultAt+5), "DeepCallOperatorAbsent"),
		silent("one of two replicas stops permanently",
			healthy().handOver(faultAt), "DeepCallOperatorAbsent", "DeepCallNoLeader"),
		fires("replicas run without a leader", faultAt+5, leaderless(healthy(), minutes), noLeader),
		silent("replicas are without a leader for almost 5 minutes", leaderless(healthy(), faultAt+5), "DeepCallNoLeader"),
		silent("a single replica runs without leader election",
			healthy().stop(standby, 0, minutes).drop("leader_election_master_status"), "DeepCallNoLeader"),
	}
}

func secondOperatorScenarios() []scenario {
	second := firing{
		alert:   "DeepCallSecondOperator",
		summary: "Two DeepCall operators work on the same objects.",
		description: "Within the last 2 hours another operator wrote the status of mappings or accounts that this one works on. " +
			"Requests of the two can overlap, so agents can get outdated groups until the next resync. Find both with kubectl get pods -A -l " +
			"app.kubernetes.io/name=deepcall-operator, and uninstall one of them, or let them watch different namespaces or labels.",
	}
	const metric = "deepcall_foreign_status_writes_total"
	return []scenario{
		fires("another operator writes a status", faultAt,
			healthy().set(leader, metric, "", counter(phase{faultAt, 0}, phase{1, 1}, phase{minutes, 0})), second),
		silent("another operator wrote a status long ago",
			healthy().set(leader, metric, "", gauge(phase{minutes, 3})), "DeepCallSecondOperator"),
	}
}

func accountScenarios() []scenario {
	denied := firing{
		alert: "DeepCallAccountDenied", labels: accountLabels,
		summary: "DeepCall denies the account support/acme.",
		description: "DeepCall denies the credentials of the account, so changes of its mappings do not reach DeepCall. Find the " +
			"reason: kubectl describe dca -n support acme. Put valid credentials into the account's Secret, or ask DeepCall " +
			"support to permit the user. The operator retries when the Secret changes.",
	}
	unreachable := firing{
		alert: "DeepCallAccountUnreachable", labels: accountLabels,
		summary: "DeepCall does not answer the account support/acme.",
		description: "For 15 minutes all requests of the account failed without a valid answer, so changes of its mappings do not " +
			"reach DeepCall. Find the cause: kubectl describe dca -n support acme. Check the network path to the endpoint " +
			"(DNS, proxy, firewall, network policy) and the status of DeepCall. The operator retries once a minute and recovers by " +
			"itself.",
	}
	misconfigured := firing{
		alert: "DeepCallAccountMisconfigured", labels: accountLabels,
		summary: "The configuration of the account support/acme is invalid.",
		description: "The account's Secret is missing or invalid, or its spec can't be used, so changes of its mappings do not reach " +
			"DeepCall. Find the reason: kubectl describe dca -n support acme. Then correct the account or its Secret.",
	}
	return []scenario{
		fires("an account is denied", faultAt+5,
			healthy().account(support, "Denied", faultAt, minutes).mappings("False", "AccountNotReady", gauge(phase{minutes, 40})), denied),
		fires("an account is denied while the leader changes", faultAt+5,
			healthy().account(support, "Denied", faultAt, minutes).handOver(faultAt+3), denied),
		silent("an account is denied for almost 5 minutes",
			healthy().account(support, "Denied", faultAt, faultAt+5), "DeepCallAccountDenied"),
		fires("an account is unreachable", faultAt+15,
			healthy().account(support, "Unreachable", faultAt, minutes).
				mappings("False", "AccountNotReady", gauge(phase{minutes, 40})).
				requests(support, phase{faultAt, 0.3}, phase{minutes, 8}).
				waits(support, phase{faultAt, 0.01}, phase{minutes, 300}).
				lag(support, 0, faultAt), unreachable),
		fires("an account is unreachable, and another one of its name is slow", faultAt+15,
			healthy().account(support, "Unreachable", faultAt, minutes).
				requests(support, phase{faultAt, 0.3}, phase{minutes, 8}).
				requests(sales, phase{faultAt - 5, 0.3}, phase{minutes, 6}), unreachable, slowIn("sales")),
		silent("an account is unreachable for almost 15 minutes, and recovers",
			healthy().account(support, "Unreachable", faultAt, faultAt+15).
				requests(support, phase{faultAt, 0.3}, phase{15, 8}, phase{minutes, 0.3}).
				waits(support, phase{faultAt, 0.01}, phase{20, 900}, phase{minutes, 0.01}),
			"DeepCallAccountUnreachable", "DeepCallRequestsSlow", "DeepCallRequestsThrottled", "DeepCallResyncLate"),
		fires("an account is misconfigured", faultAt+10,
			healthy().account(support, "Misconfigured", faultAt, minutes).mappings("False", "AccountNotReady", gauge(phase{minutes, 40})),
			misconfigured),
		silent("an account is misconfigured for almost 10 minutes",
			healthy().account(support, "Misconfigured", faultAt, faultAt+10), "DeepCallAccountMisconfigured"),
		silent("an account stays untried",
			healthy().account(support, "Untried", 0, minutes), "DeepCallAccountDenied", "DeepCallAccountMisconfigured"),
	}
}

func slowIn(namespace string) firing {
	return firing{
		alert: "DeepCallRequestsSlow", labels: map[string]string{"account_namespace": namespace, "account": "acme"},
		summary: "DeepCall answers the account " + namespace + "/acme slowly.",
		description: "For 15 minutes the requests of the account took 6s on average. Changes reach DeepCall late, and requests that " +
			"take longer than the account's requestTimeout fail. Check the network to DeepCall, and contact DeepCall " +
			"support.",
	}
}

func requestScenarios() []scenario {
	throttled := firing{
		alert: "DeepCallRequestsThrottled", labels: accountLabels,
		summary: "Requests of the account support/acme are throttled.",
		description: "For 30 minutes requests of the account waited 1m 40s on average before they were sent, because of the " +
			"account's limits or a Retry-After of DeepCall. Raise spec.limits of the account if DeepCall permits it, or " +
			"increase resyncInterval of its mappings: kubectl get dca -n support acme -o yaml.",
	}
	late := firing{
		alert: "DeepCallResyncLate", labels: accountLabels,
		summary: "A resync of the account support/acme is late.",
		description: "The oldest resync of the account has been due for 31m 0s, although the account is usable. Until the resync, " +
			"changes made in DeepCall by others are not undone. Check whether the account's requests fail or wait for its " +
			"limits: kubectl describe dca -n support acme, and the metrics deepcall_api_requests_total and " +
			"deepcall_api_request_wait_seconds of the account.",
	}
	return []scenario{
		fires("requests take 6 seconds", faultAt+20,
			healthy().requests(support, phase{faultAt, 0.3}, phase{minutes, 6}), slowIn("support")),
		silent("requests take almost 4 seconds", healthy().requests(support, phase{minutes, 3.9}), "DeepCallRequestsSlow"),
		silent("requests take 6 seconds for 10 minutes",
			healthy().requests(support, phase{faultAt, 0.3}, phase{10, 6}, phase{minutes, 0.3}), "DeepCallRequestsSlow"),
		silent("no requests are sent",
			healthy().drop("deepcall_api_request_duration_seconds_sum").drop("deepcall_api_request_duration_seconds_count").
				drop("deepcall_api_request_wait_seconds_sum").drop("deepcall_api_request_wait_seconds_count"),
			"DeepCallRequestsSlow", "DeepCallRequestsThrottled"),
		fires("requests wait 100 seconds", faultAt+35,
			healthy().waits(support, phase{faultAt, 0.01}, phase{minutes, 100}), throttled),
		silent("requests wait almost a minute", healthy().waits(support, phase{minutes, 59}), "DeepCallRequestsThrottled"),
		silent("10,000 new mappings wait 20 minutes for limits",
			healthy().waits(support, phase{faultAt, 0.01}, phase{20, 600}, phase{minutes, 0.01}).
				mappings("Unknown", "Unobserved", gauge(phase{faultAt, 0}, phase{20, 5000}, phase{minutes, 0})),
			"DeepCallRequestsThrottled", "DeepCallMappingsNotReady"),
		fires("so many new mappings wait for limits that it takes an hour", faultAt+35,
			healthy().waits(support, phase{faultAt, 0.01}, phase{minutes, 100}).
				mappings("Unknown", "Unobserved", gauge(phase{faultAt, 0}, phase{60, 5000}, phase{minutes, 0})), throttled),
		fires("a resync is overdue", faultAt+30, healthy().lag(support, 0, faultAt), late),
		fires("a resync is overdue after a restart, before the first request", faultAt+30,
			healthy().account(support, "Untried", 0, minutes).lag(support, 0, faultAt), late),
		silent("a resync is constantly 15 minutes late",
			healthy().set(leader, "deepcall_resync_lag_seconds", support, gauge(phase{minutes, 900})), "DeepCallResyncLate"),
		silent("late resyncs are sent within 15 minutes after an outage",
			healthy().set(leader, "deepcall_resync_lag_seconds", support,
				gauge(phase{faultAt, 20}, phase{15, 7200}, phase{minutes, 20})), "DeepCallResyncLate"),
	}
}

// lag sets a resync lag that grows from a minute on.
func (d dataset) lag(account string, before float64, from int) dataset {
	return d.set(leader, "deepcall_resync_lag_seconds", account, counter(phase{1, before}, phase{from - 1, 0}, phase{minutes, 60}))
}

func reconcilerScenarios() []scenario {
	agent := map[string]string{"namespace": "deepcall-operator-system", "controller": "agent"}
	errors := firing{
		alert: "DeepCallReconcileErrors", labels: agent,
		summary: "The DeepCall operator's agent controller fails repeatedly.",
		description: "For 15 minutes reconciles of the agent controller failed, most often because the API server rejected a read or " +
			"a write. The status of the affected objects is outdated, or their changes do not reach DeepCall. Find the " +
			"error in the log: kubectl logs -n deepcall-operator-system -l app.kubernetes.io/name=deepcall-operator " +
			"--tail=200.",
	}
	saturated := firing{
		alert: "DeepCallWorkersSaturated", labels: agent,
		summary: "The workers of the DeepCall operator's agent controller are saturated.",
		description: "For 15 minutes the workers of the agent controller were busy 100% of the time while more objects waited than " +
			"there are workers. Changes reach DeepCall late. Workers do not wait for DeepCall, so check the API server and " +
			"the CPU limit of the manager first, and then raise --max-concurrent-reconciles.",
	}
	const metric, controller = "controller_runtime_reconcile_errors_total", `controller="agent"`
	return []scenario{
		fires("one object fails every 30 seconds", faultAt+18,
			healthy().set(leader, metric, controller, counter(phase{faultAt, 0}, phase{minutes, 2})), errors),
		silent("a reconcile fails once a minute",
			healthy().set(leader, metric, controller, counter(phase{minutes, 1})), "DeepCallReconcileErrors"),
		silent("many reconciles fail for 10 minutes",
			healthy().set(leader, metric, controller, counter(phase{faultAt, 0}, phase{10, 1000}, phase{minutes, 0})), "DeepCallReconcileErrors"),
		fires("all workers are active while more objects wait, of both priorities", 15,
			healthy().workers(leader, "agent", 16, 21), saturated),
		silent("all workers are active while few objects wait",
			healthy().workers(leader, "agent", 16, 15), "DeepCallWorkersSaturated"),
		silent("some workers are idle while many objects wait",
			healthy().workers(leader, "agent", 14, 500), "DeepCallWorkersSaturated"),
	}
}
