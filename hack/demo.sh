#!/usr/bin/env bash
# Demonstrates the operator with a control plane, the DeepCall simulator, the manager and kubectl on this machine. It
# verifies the result of every step and fails if one is unexpected.
#
#   make demo              builds the binaries and runs the demo
#   make demo KEEP=1       does the same and leaves the processes running
#   make playground        only starts the processes, for docs/tutorial.md
#   hack/demo.sh stop DIR  stops the processes of DIR, which the last two print
#
# Needs bash, coreutils and the binaries that make demo builds. It writes all files to one directory, a temporary one or
# bin/playground, and removes the directory at the end.
set -euo pipefail
set -f # don't expand globs in the commands below

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root k8s=$root/bin/k8s${K8S:+-$K8S}
readonly wait_timeout=60s # only reached when a step fails

bold='' red='' plain='' failure=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi

# shellcheck source=hack/demo-processes.sh
source "$root/hack/demo-processes.sh"

# ---- steps and checks ---------------------------------------------------------

# run 'COMMAND' prints the command and runs it.
run() {
	local words
	printf '%s$ %s%s\n' "$bold" "$1" "$plain"
	eval "words=($1)"
	"${words[@]}" </dev/null &
	wait "$!" || fail "command failed: $1"
}

# expect_reason KIND/NAME REASON verifies the reason of the condition Ready.
expect_reason() {
	kubectl wait "$1" --for=jsonpath='{.status.conditions[?(@.type=="Ready")].reason}'="$2" --timeout=$wait_timeout >/dev/null ||
		fail "the reason of $1 is not $2"
}

# expect_requests N prints the requests since the last call and verifies that there are N in total.
printed=0
expect_requests() {
	local line n=-1 # the first line is not a request
	while read -r line; do
		if ((++n > printed)); then
			print "  DeepCall received: $line"
		fi
	done <simulator.log
	printed=$n
	((n == $1)) || fail "DeepCall received $n requests, want $1"
}

# expect_groups GROUPS prints and verifies the agent's groups in DeepCall.
expect_groups() {
	local line table=''
	exec 3<>"/dev/tcp/127.0.0.1/$deepcall_port"
	printf 'GET /_sim/agents/7?format=text HTTP/1.0\r\n\r\n' >&3
	while read -r -t 10 line <&3; do
		table=$line
	done
	exec 3>&-
	[[ $table == *"  $1" ]] || fail "DeepCall has '$table', want '$1'"
	print "  DeepCall has: agent 7  $1"
}

run_demo() {
	copy_samples
	local receive_91='[{"op":"replace","path":"/spec/groups/1/receiveCall","value":true}]'
	local add_99='[{"op":"add","path":"/spec/groups/-","value":{"groupID":"99","receiveCall":true}}]'

	step '1. Create' 'A Secret, an account and a mapping declare the groups of agent 7. The operator sends them to DeepCall.'
	run 'cat account.yaml mapping.yaml'
	run 'kubectl apply -f account.yaml -f mapping.yaml'
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$wait_timeout"
	run 'kubectl get agm'
	expect_reason agm/asha Synced
	expect_requests 1
	expect_groups '90=Y 91=N 92=Y'

	step '2. Edit' 'Agent 7 now receives calls for group 91, too. One edit makes one request.'
	run "kubectl patch agm asha --type=json -p '$receive_91'"
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$wait_timeout"
	run 'kubectl get agm'
	expect_requests 2
	expect_groups '90=Y 91=Y 92=Y'

	step '3. Reject' 'DeepCall has no group 99 and rejects the request. The status shows the error, and the applied groups stay in force.'
	run "kubectl patch agm asha --type=json -p '$add_99'"
	run "kubectl wait agm/asha --for=condition=Stalled --timeout=$wait_timeout"
	run 'kubectl get agm -o wide'
	run "kubectl get agm asha -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{\"\\n\"}{end}'"
	expect_reason agm/asha InvalidGroupData
	expect_requests 3
	expect_groups '90=Y 91=Y 92=Y'

	step '4. Fix' 'Applying the original file removes group 99.'
	run 'kubectl apply -f mapping.yaml'
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$wait_timeout"
	run 'kubectl get agm'
	expect_reason agm/asha Synced
	expect_requests 4
	expect_groups '90=Y 91=N 92=Y'

	step '5. Wrong token' 'The Secret gets a wrong token. DeepCall denies the next request, and the operator stops sending requests for the account.'
	run "kubectl patch secret acme-deepcall -p '{\"stringData\":{\"token\":\"wrong\"}}'"
	run "kubectl wait dca/acme --for=jsonpath='{.status.conditions[?(@.type==\"Ready\")].reason}'=Untried --timeout=$wait_timeout"
	run "kubectl patch agm asha --type=json -p '$receive_91'"
	run "kubectl wait dca/acme agm/asha --for=condition=Ready=False --timeout=$wait_timeout"
	run 'kubectl get deepcall'
	expect_reason dca/acme InvalidToken
	expect_reason agm/asha AccountNotReady
	expect_requests 5
	expect_groups '90=Y 91=N 92=Y'

	step '6. Recover' 'The Secret gets the right token. The operator retries at once, and the mapping is synced.'
	run 'kubectl apply -f account.yaml'
	run "kubectl wait agm/asha dca/acme --for=condition=Ready --timeout=$wait_timeout"
	run 'kubectl get deepcall'
	expect_reason agm/asha Synced
	expect_reason dca/acme Usable
	expect_requests 6
	expect_groups '90=Y 91=Y 92=Y'

	step '7. Delete' 'All objects are deleted at once, including the Secret. The operator first stops the calls of agent 7 in DeepCall.'
	run "kubectl delete -f account.yaml -f mapping.yaml --timeout=$wait_timeout"
	run 'kubectl get deepcall'
	expect_requests 7
	expect_groups '90=N 91=N 92=N'

	printf '\n%sAll 7 steps succeeded with one request each, in %ds.%s\n' "$bold" $SECONDS "$plain"
}

recreate_samples() {
	step 'Try it yourself' 'The sample objects are created again, and all processes keep running.'
	run 'kubectl apply -f account.yaml -f mapping.yaml'
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$wait_timeout"
	expect_requests 8
	expect_groups '90=Y 91=N 92=Y'
	cat <<-'TEXT'

		Example commands, for a terminal that uses it (see below):
		  kubectl get deepcall
		  kubectl describe agm asha
		  kubectl patch agm asha --type=merge -p '{"spec":{"groups":[{"groupID":"90","receiveCall":true}]}}'
		  kubectl events
	TEXT
	keep_running
}

# keep_running leaves the processes running and prints how to use them.
keep_running() {
	local q_dir q_root q_k8s
	printf -v q_dir %q "$dir"
	printf -v q_root %q "$root"
	printf -v q_k8s %q "$k8s"
	cat >env <<-TEXT
		export KUBECONFIG=$q_dir/kubeconfig KUBECACHEDIR=$q_dir/cache DEEPCALL=$deepcall PATH=$q_root/bin:$q_k8s:\$PATH
	TEXT
	cat <<-TEXT

		To use it, run:
		  source $q_dir/env

		To see DeepCall's requests and agents, run:
		  tail $q_dir/simulator.log
		  curl "\$DEEPCALL/_sim/agents?format=text"

		To stop it, run:
		  $q_root/hack/demo.sh stop $q_dir
	TEXT
	keep=1
}

# ---- main ---------------------------------------------------------------------

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

case ${1:-} in
'' | playground) ;;
stop)
	[[ -f ${2:-}/pids ]] || fail "${2:-no directory} is not the directory of a running demo"
	stop_all "$2"
	print 'stopped'
	exit
	;;
*)
	fail 'usage: hack/demo.sh [playground | stop DIR]'
	;;
esac

for program in "$k8s"/{etcd,kube-apiserver,kubectl} "$root"/bin/{simulator,manager}; do
	[[ -x $program ]] || fail "$program not found; run: make ${1:-demo}"
done

if [[ ${1:-} == playground ]]; then
	mkdir "$root/bin/playground" 2>/dev/null || fail 'a playground is already running; stop it with: hack/demo.sh stop bin/playground'
	dir=$root/bin/playground
	agents=7,8,9,10 # of the simulator
else
	dir=$(mktemp -d "${TMPDIR:-/tmp}/deepcall-demo.XXXXXX")
fi
cd "$dir"
export KUBECONFIG=$dir/kubeconfig KUBECACHEDIR=$dir/cache KUBERC=off PATH=$k8s:$PATH

start_all
if [[ ${1:-} == playground ]]; then
	keep_running
	exit
fi
run_demo
if [[ -n ${KEEP:-} && $KEEP != 0 ]]; then
	recreate_samples
fi
