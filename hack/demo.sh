#!/usr/bin/env bash
# Shows the operator at work: a control plane, a simulated DeepCall and the manager on
# free ports of this machine, and kubectl. Every step is checked; the exit status tells.
#
#   make demo              builds what is needed and runs this
#   make demo KEEP=1       the same, and leaves everything running afterwards
#   make playground        no story: leaves everything running, for docs/tutorial.md
#   hack/demo.sh stop DIR  stops what was left running; the two print the DIR
#
# Needs bash and coreutils, and what make demo puts into bin. All its files are in one directory, which
# is removed at the end: a temporary one, or bin/playground.
set -euo pipefail
set -f # the words of commands below are no file names

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root k8s=$root/bin/k8s
readonly patience=60s # for every wait; only a failure takes that long

bold='' red='' plain='' why=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi

# shellcheck source=hack/demo-stage.sh
source "$root/hack/demo-stage.sh"

# ---- telling and checking -----------------------------------------------------

# run 'COMMAND' shows the command as one types it, and runs it.
run() {
	local words
	printf '%s$ %s%s\n' "$bold" "$1" "$plain"
	eval "words=($1)"
	"${words[@]}" </dev/null &
	wait "$!" || fail "this failed: $1"
}

# because KIND/NAME REASON checks the reason of the condition Ready.
because() {
	kubectl wait "$1" --for=jsonpath='{.status.conditions[?(@.type=="Ready")].reason}'="$2" --timeout=$patience >/dev/null ||
		fail "$1 is not $2"
}

# deepcall_got N shows the calls since the last time, and checks that there were N in all.
told=0
deepcall_got() {
	local line n=-1 # the first line is no call
	while read -r line; do
		if ((++n > told)); then
			say "  DeepCall got: $line"
		fi
	done <simulator.log
	told=$n
	((n == $1)) || fail "DeepCall got $n calls by now, not $1"
}

# deepcall_has GROUPS shows the agent's groups as DeepCall has them, and checks them.
deepcall_has() {
	local line table=''
	exec 3<>"/dev/tcp/127.0.0.1/$deepcall_port"
	printf 'GET /_sim/agents/7?format=text HTTP/1.0\r\n\r\n' >&3
	while read -r -t 10 line <&3; do
		table=$line
	done
	exec 3>&-
	[[ $table == *"  $1" ]] || fail "DeepCall has '$table', not '$1'"
	say "  DeepCall has: agent 7  $1"
}

tell() {
	copy_samples
	local receive_91='[{"op":"replace","path":"/spec/groups/1/receiveCall","value":true}]'
	local add_99='[{"op":"add","path":"/spec/groups/-","value":{"groupID":"99","receiveCall":true}}]'

	step '1. Create' 'A Secret, an account and a mapping say which groups agent 7 serves. The operator tells DeepCall.'
	run 'cat account.yaml mapping.yaml'
	run 'kubectl apply -f account.yaml -f mapping.yaml'
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$patience"
	run 'kubectl get agm'
	because agm/asha Synced
	deepcall_got 1
	deepcall_has '90=Y 91=N 92=Y'

	step '2. Edit' 'The agent now receives calls for group 91, too. One edit, one call.'
	run "kubectl patch agm asha --type=json -p '$receive_91'"
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$patience"
	run 'kubectl get agm'
	deepcall_got 2
	deepcall_has '90=Y 91=Y 92=Y'

	step '3. Refuse' 'DeepCall knows no group 99 and refuses the edit. The mapping says so; what was applied stays applied.'
	run "kubectl patch agm asha --type=json -p '$add_99'"
	run "kubectl wait agm/asha --for=condition=Stalled --timeout=$patience"
	run 'kubectl get agm -o wide'
	run "kubectl get agm asha -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{\"\\n\"}{end}'"
	because agm/asha InvalidGroupData
	deepcall_got 3
	deepcall_has '90=Y 91=Y 92=Y'

	step '4. Repair' 'The file never had group 99. It is applied again.'
	run 'kubectl apply -f mapping.yaml'
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$patience"
	run 'kubectl get agm'
	because agm/asha Synced
	deepcall_got 4
	deepcall_has '90=Y 91=N 92=Y'

	step '5. Wrong token' 'Somebody breaks the token. The next edit finds out: DeepCall refuses the account, and the operator stops calling.'
	run "kubectl patch secret acme-deepcall -p '{\"stringData\":{\"token\":\"wrong\"}}'"
	run "kubectl wait dca/acme --for=jsonpath='{.status.conditions[?(@.type==\"Ready\")].reason}'=Untried --timeout=$patience"
	run "kubectl patch agm asha --type=json -p '$receive_91'"
	run "kubectl wait dca/acme agm/asha --for=condition=Ready=False --timeout=$patience"
	run 'kubectl get deepcall'
	because dca/acme InvalidToken
	because agm/asha AccountNotReady
	deepcall_got 5
	deepcall_has '90=Y 91=N 92=Y'

	step '6. Recover' 'The Secret is mended. The mapping follows by itself.'
	run 'kubectl apply -f account.yaml'
	run "kubectl wait agm/asha dca/acme --for=condition=Ready --timeout=$patience"
	run 'kubectl get deepcall'
	because agm/asha Synced
	because dca/acme Usable
	deepcall_got 6
	deepcall_has '90=Y 91=Y 92=Y'

	step '7. Delete' 'All at once, the Secret too. The operator first tells DeepCall that the agent receives no more calls.'
	run "kubectl delete -f account.yaml -f mapping.yaml --timeout=$patience"
	run 'kubectl get deepcall'
	deepcall_got 7
	deepcall_has '90=N 91=N 92=N'

	printf '\n%sAll went as told: 7 steps, one call each, in %ds.%s\n' "$bold" $SECONDS "$plain"
}

leave_running() {
	step 'Now you' 'The sample objects are back, and everything keeps running.'
	run 'kubectl apply -f account.yaml -f mapping.yaml'
	run "kubectl wait agm/asha --for=condition=Ready --timeout=$patience"
	deepcall_got 8
	deepcall_has '90=Y 91=N 92=Y'
	cat <<-'TEXT'

		To try, once you use it:
		  kubectl get deepcall
		  kubectl describe agm asha
		  kubectl patch agm asha --type=merge -p '{"spec":{"groups":[{"groupID":"90","receiveCall":true}]}}'
		  kubectl events
	TEXT
	hand_over
}

# hand_over writes down how a terminal comes to use what runs, and leaves it running.
hand_over() {
	local q_dir q_root
	printf -v q_dir %q "$dir"
	printf -v q_root %q "$root"
	cat >env <<-TEXT
		export KUBECONFIG=$q_dir/kubeconfig KUBECACHEDIR=$q_dir/cache DEEPCALL=$deepcall PATH=$q_root/bin:$q_root/bin/k8s:\$PATH
	TEXT
	cat <<-TEXT

		To use it:
		  source $q_dir/env

		To see DeepCall's calls, and what it has:
		  tail $q_dir/simulator.log
		  curl "\$DEEPCALL/_sim/agents?format=text"

		To stop it:
		  $q_root/hack/demo.sh stop $q_dir
	TEXT
	keep=1
}

# ---- the run ------------------------------------------------------------------

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

case ${1:-} in
'' | playground) ;;
stop)
	[[ -f ${2:-}/pids ]] || fail "${2:-no directory} is not a demo that runs"
	stop_all "$2"
	say 'stopped'
	exit
	;;
*)
	fail 'usage: hack/demo.sh [playground | stop DIR]'
	;;
esac

for program in "$k8s"/{etcd,kube-apiserver,kubectl} "$root"/bin/{simulator,manager}; do
	[[ -x $program ]] || fail "there is no $program; run: make ${1:-demo}"
done

if [[ ${1:-} == playground ]]; then
	mkdir "$root/bin/playground" 2>/dev/null || fail 'a playground runs already; stop it with: hack/demo.sh stop bin/playground'
	dir=$root/bin/playground
else
	dir=$(mktemp -d "${TMPDIR:-/tmp}/deepcall-demo.XXXXXX")
fi
cd "$dir"
export KUBECONFIG=$dir/kubeconfig KUBECACHEDIR=$dir/cache KUBERC=off PATH=$k8s:$PATH

set_up
if [[ ${1:-} == playground ]]; then
	hand_over
	exit
fi
tell
if [[ -n ${KEEP:-} && $KEEP != 0 ]]; then
	leave_running
fi
