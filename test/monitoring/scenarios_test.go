package monitoring

import "slices"

// trouble begins after half an hour.
const trouble = 30

var accountLabels = map[string]string{"account_namespace": "support", "account": "acme"}

func scenarios() []scenario {
	return slices.Concat(
		[]scenario{{name: "all is well", world: healthy()}},
		operatorScenarios(), accountScenarios(), callScenarios(), mappingScenarios(), removalScenarios(), reconcilerScenarios(),
	)
}

func operatorScenarios() []scenario {
	absent := firing{
		alert:   "DeepCallOperatorAbsent",
		summary: "No DeepCall operator is seen by Prometheus.",
		description: "No replica of the DeepCall operator was scraped for 5 minutes. While none runs, no change of a mapping reaches " +
			"DeepCall, and deletions of mappings wait. Check that its pods run: kubectl get pods -A -l " +
			"app.kubernetes.io/name=deepcall-operator. If they do, check that Prometheus may scrape them.",
	}
	noLeader := firing{
		alert:   "DeepCallNoLeader",
		labels:  map[string]string{"namespace": "deepcall-operator-system", "name": "deepcall-operator.telephony.deepcall.com"},
		summary: "No replica of the DeepCall operator in deepcall-operator-system is the leader.",
		description: "Replicas of the DeepCall operator run, but for 5 minutes none of them held the lease " +
			"deepcall-operator.telephony.deepcall.com. Only the leader calls DeepCall, so no change of a mapping reaches it. " +
			"See who holds the lease: kubectl get lease -n deepcall-operator-system " +
			"deepcall-operator.telephony.deepcall.com, and why the replicas do not take it: kubectl logs -n " +
			"deepcall-operator-system -l app.kubernetes.io/name=deepcall-operator --tail=200.",
	}
	leaderless := func(w world, until int) world {
		for _, metric := range told {
			w.drop(metric[:len(metric)-1])
		}
		return w.set(leader, "leader_election_master_status", lease,
			gauge(phase{trouble, 1}, phase{until - trouble, 0}, phase{minutes, 1}))
	}
	return []scenario{
		{
			name: "both replicas stop", from: trouble + 5, fires: []firing{absent},
			world: healthy().stop(leader, trouble, minutes).stop(standby, trouble, minutes),
		},
		{
			name: "both replicas are gone for almost 5 minutes", near: []string{"DeepCallOperatorAbsent"},
			world: healthy().stop(leader, trouble, trouble+5).stop(standby, trouble, trouble+5),
		},
		{
			name: "one of two replicas is gone for good", near: []string{"DeepCallOperatorAbsent", "DeepCallNoLeader"},
			world: healthy().handOver(trouble),
		},
		{
			name: "replicas run without a leader", from: trouble + 5, fires: []firing{noLeader},
			world: leaderless(healthy(), minutes),
		},
		{
			name: "replicas are without a leader for almost 5 minutes", near: []string{"DeepCallNoLeader"},
			world: leaderless(healthy(), trouble+5),
		},
		{
			name: "a single replica runs without leader election", near: []string{"DeepCallNoLeader"},
			world: healthy().stop(standby, 0, minutes).drop("leader_election_master_status"),
		},
	}
}

func accountScenarios() []scenario {
	refused := firing{
		alert: "DeepCallAccountRefused", labels: accountLabels,
		summary: "DeepCall refuses the account support/acme.",
		description: "DeepCall refuses the credentials of the account, so no change of its mappings reaches DeepCall. See what it " +
			"answered: kubectl describe dca -n support acme. Put valid credentials into the account's Secret, or have the " +
			"user permitted in DeepCall; the operator tries again when the Secret changes.",
	}
	unreachable := firing{
		alert: "DeepCallAccountUnreachable", labels: accountLabels,
		summary: "DeepCall does not answer the account support/acme.",
		description: "For 15 minutes every call of the account failed without a proper answer, so no change of its mappings reaches " +
			"DeepCall. See the cause: kubectl describe dca -n support acme. Check the way to the endpoint (DNS, firewall, " +
			"network policy) and DeepCall's own state. The operator tries once a minute and goes on by itself.",
	}
	misconfigured := firing{
		alert: "DeepCallAccountMisconfigured", labels: accountLabels,
		summary: "The account support/acme can't be used as it is written.",
		description: "The Secret of the account is missing or not as it should be, or its spec can't be used, so no change of its " +
			"mappings reaches DeepCall. See what is wrong: kubectl describe dca -n support acme, and correct the account or " +
			"its Secret.",
	}
	return []scenario{
		{
			name: "an account is refused", from: trouble + 5, fires: []firing{refused},
			world: healthy().account(support, "Refused", trouble, minutes).mappings("False", "AccountNotReady", gauge(phase{minutes, 40})),
		},
		{
			name: "an account is refused while the leader changes", from: trouble + 5, fires: []firing{refused},
			world: healthy().account(support, "Refused", trouble, minutes).handOver(trouble + 3),
		},
		{
			name: "an account is refused for almost 5 minutes", near: []string{"DeepCallAccountRefused"},
			world: healthy().account(support, "Refused", trouble, trouble+5),
		},
		{
			name: "an account is unreachable", from: trouble + 15, fires: []firing{unreachable},
			world: healthy().account(support, "Unreachable", trouble, minutes).
				mappings("False", "AccountNotReady", gauge(phase{minutes, 40})).
				calls(support, phase{trouble, 0.3}, phase{minutes, 8}).
				waits(support, phase{trouble, 0.01}, phase{minutes, 300}).
				lag(support, 0, trouble),
		},
		{
			name: "an account is unreachable, and another one of its name is slow", from: trouble + 15,
			fires: []firing{unreachable, slowIn("sales")},
			world: healthy().account(support, "Unreachable", trouble, minutes).
				calls(support, phase{trouble, 0.3}, phase{minutes, 8}).
				calls(sales, phase{trouble - 5, 0.3}, phase{minutes, 6}),
		},
		{
			name: "an account is unreachable for almost 15 minutes, and recovers",
			near: []string{"DeepCallAccountUnreachable", "DeepCallCallsSlow", "DeepCallCallsHeldUp", "DeepCallResyncLate"},
			world: healthy().account(support, "Unreachable", trouble, trouble+15).
				calls(support, phase{trouble, 0.3}, phase{15, 8}, phase{minutes, 0.3}).
				waits(support, phase{trouble, 0.01}, phase{20, 900}, phase{minutes, 0.01}),
		},
		{
			name: "an account is misconfigured", from: trouble + 10, fires: []firing{misconfigured},
			world: healthy().account(support, "Misconfigured", trouble, minutes).mappings("False", "AccountNotReady", gauge(phase{minutes, 40})),
		},
		{
			name: "an account is misconfigured for almost 10 minutes", near: []string{"DeepCallAccountMisconfigured"},
			world: healthy().account(support, "Misconfigured", trouble, trouble+10),
		},
		{
			name: "an account is untried for long", near: []string{"DeepCallAccountRefused", "DeepCallAccountMisconfigured"},
			world: healthy().account(support, "Untried", 0, minutes),
		},
	}
}

func slowIn(namespace string) firing {
	return firing{
		alert: "DeepCallCallsSlow", labels: map[string]string{"account_namespace": namespace, "account": "acme"},
		summary: "DeepCall answers the account " + namespace + "/acme slowly.",
		description: "For 15 minutes the calls of the account took 6s on average. Changes reach DeepCall late, and calls near the " +
			"account's requestTimeout fail. Check the network to DeepCall, and tell DeepCall's support.",
	}
}

func callScenarios() []scenario {
	heldUp := firing{
		alert: "DeepCallCallsHeldUp", labels: accountLabels,
		summary: "Calls of the account support/acme wait long for its limits.",
		description: "For 30 minutes calls of the account waited 1m 40s on average before they began, since its limits allow no more " +
			"calls, or DeepCall asked to wait. Raise spec.limits of the account if DeepCall allows it, or make " +
			"resyncInterval of its mappings longer: kubectl get dca -n support acme -o yaml.",
	}
	late := firing{
		alert: "DeepCallResyncLate", labels: accountLabels,
		summary: "A resync of the account support/acme is late.",
		description: "The oldest resync of the account has been due for 31m 0s, although DeepCall can be called. Until it comes, " +
			"changes that others made in DeepCall stay. See whether its calls fail or wait for its limits: kubectl describe " +
			"dca -n support acme, and deepcall_calls_total and deepcall_limit_wait_seconds of the account.",
	}
	return []scenario{
		{
			name: "calls take 6 seconds", from: trouble + 20, fires: []firing{slowIn("support")},
			world: healthy().calls(support, phase{trouble, 0.3}, phase{minutes, 6}),
		},
		{
			name: "calls take almost 4 seconds", near: []string{"DeepCallCallsSlow"},
			world: healthy().calls(support, phase{minutes, 3.9}),
		},
		{
			name: "calls take 6 seconds for 10 minutes", near: []string{"DeepCallCallsSlow"},
			world: healthy().calls(support, phase{trouble, 0.3}, phase{10, 6}, phase{minutes, 0.3}),
		},
		{
			name: "no calls are made", near: []string{"DeepCallCallsSlow", "DeepCallCallsHeldUp"},
			world: healthy().drop("deepcall_call_duration_seconds_sum").drop("deepcall_call_duration_seconds_count").
				drop("deepcall_limit_wait_seconds_sum").drop("deepcall_limit_wait_seconds_count"),
		},
		{
			name: "calls wait 100 seconds for their turn", from: trouble + 35, fires: []firing{heldUp},
			world: healthy().waits(support, phase{trouble, 0.01}, phase{minutes, 100}),
		},
		{
			name: "calls wait almost a minute for their turn", near: []string{"DeepCallCallsHeldUp"},
			world: healthy().waits(support, phase{minutes, 59}),
		},
		{
			name: "10,000 new mappings wait 20 minutes for their turns", near: []string{"DeepCallCallsHeldUp", "DeepCallMappingsNotReady"},
			world: healthy().waits(support, phase{trouble, 0.01}, phase{20, 600}, phase{minutes, 0.01}).
				mappings("Unknown", "Unobserved", gauge(phase{trouble, 0}, phase{20, 5000}, phase{minutes, 0})),
		},
		{
			name: "so many new mappings wait for their turns that it takes an hour", from: trouble + 35, fires: []firing{heldUp},
			world: healthy().waits(support, phase{trouble, 0.01}, phase{minutes, 100}).
				mappings("Unknown", "Unobserved", gauge(phase{trouble, 0}, phase{60, 5000}, phase{minutes, 0})),
		},
		{
			name: "a resync does not come", from: trouble + 30, fires: []firing{late},
			world: healthy().lag(support, 0, trouble),
		},
		{
			name: "a resync does not come after a start, before any call was made", from: trouble + 30, fires: []firing{late},
			world: healthy().account(support, "Untried", 0, minutes).lag(support, 0, trouble),
		},
		{
			name: "a resync is 15 minutes late for long", near: []string{"DeepCallResyncLate"},
			world: healthy().set(leader, "deepcall_resync_lag_seconds", support, gauge(phase{minutes, 900})),
		},
		{
			name: "resyncs are made up for within a quarter of an hour after an outage", near: []string{"DeepCallResyncLate"},
			world: healthy().set(leader, "deepcall_resync_lag_seconds", support,
				gauge(phase{trouble, 20}, phase{15, 7200}, phase{minutes, 20})),
		},
	}
}

// lag grows from a minute on, as time goes by.
func (w world) lag(account string, before float64, from int) world {
	return w.set(leader, "deepcall_resync_lag_seconds", account, counter(phase{1, before}, phase{from - 1, 0}, phase{minutes, 60}))
}

func reconcilerScenarios() []scenario {
	agent := map[string]string{"namespace": "deepcall-operator-system", "controller": "agent"}
	errors := firing{
		alert: "DeepCallReconcileErrors", labels: agent,
		summary: "The DeepCall operator's agent controller fails again and again.",
		description: "For 15 minutes the agent controller could not finish its work, most often since the API server refused a read " +
			"or a write. Affected objects have a stale status, or their changes do not reach DeepCall. The error is in the " +
			"log: kubectl logs -n deepcall-operator-system -l app.kubernetes.io/name=deepcall-operator --tail=200.",
	}
	saturated := firing{
		alert: "DeepCallWorkersSaturated", labels: agent,
		summary: "The workers of the DeepCall operator's agent controller can't keep up.",
		description: "For 15 minutes the workers of the agent controller were busy 100% of the time while more objects waited than " +
			"there are workers. Changes reach DeepCall late. Workers do not wait for DeepCall, so look at the API server and " +
			"at the CPU limit of the manager first, and then raise --max-concurrent-reconciles.",
	}
	const metric, controller = "controller_runtime_reconcile_errors_total", `controller="agent"`
	return []scenario{
		{
			name: "one object fails every 30 seconds", from: trouble + 18, fires: []firing{errors},
			world: healthy().set(leader, metric, controller, counter(phase{trouble, 0}, phase{minutes, 2})),
		},
		{
			name: "something fails once a minute", near: []string{"DeepCallReconcileErrors"},
			world: healthy().set(leader, metric, controller, counter(phase{minutes, 1})),
		},
		{
			name: "much fails for 10 minutes", near: []string{"DeepCallReconcileErrors"},
			world: healthy().set(leader, metric, controller, counter(phase{trouble, 0}, phase{10, 1000}, phase{minutes, 0})),
		},
		{
			name: "all workers work while more objects wait, of both priorities", from: 15, fires: []firing{saturated},
			world: healthy().workers(leader, "agent", 16, 21),
		},
		{
			name: "all workers work while few objects wait", near: []string{"DeepCallWorkersSaturated"},
			world: healthy().workers(leader, "agent", 16, 15),
		},
		{
			name: "some workers are idle while many objects wait", near: []string{"DeepCallWorkersSaturated"},
			world: healthy().workers(leader, "agent", 14, 500),
		},
	}
}
