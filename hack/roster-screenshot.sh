#!/usr/bin/env bash
# Makes docs/roster.png: it starts the processes of hack/demo.sh, creates an account and four mappings, and takes a picture
# of the page that kubectl deepcall roster -o html prints.
#
#   hack/roster-screenshot.sh [FILE]
#
# Run make control-plane build first, and install chromium.
set -euo pipefail
set -f

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root k8s=$root/bin/k8s${K8S:+-$K8S} wait_timeout=60s
out=$(realpath -- "${1:-$root/docs/roster.png}")
bold='' red='' plain='' failure=''
agents=7,8,9,10 groups=90,91,92 # of the simulator

# shellcheck source=hack/demo-processes.sh
source "$root/hack/demo-processes.sh"

# mapping NAME AGENT GROUP=RECEIVE... prints a mapping.
mapping() {
	local group
	printf '%s\n' --- 'apiVersion: telephony.deepcall.com/v1alpha1' 'kind: AgentGroupMapping' "metadata: {name: $1}" 'spec:' \
		'  accountRef: {name: acme}' "  agentID: \"$2\"" '  groups:'
	for group in "${@:3}"; do
		printf '    - {groupID: "%s", receiveCall: %s}\n' "${group%=*}" "${group#*=}"
	done
}

# screenshot takes the picture. As root, chromium runs without its sandbox.
screenshot() {
	local args=(--headless --disable-gpu --disable-dev-shm-usage --hide-scrollbars --window-size=1000,1120 --user-data-dir="$dir/chromium")
	((EUID != 0)) || args+=(--no-sandbox)
	chromium "${args[@]}" --screenshot="$out" "file://$dir/roster.html" >chromium.log 2>&1 || fail "chromium failed: $(<chromium.log)"
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
dir=$(mktemp -d "${TMPDIR:-/tmp}/deepcall-demo.XXXXXX")
cd "$dir"
export KUBECONFIG=$dir/kubeconfig KUBECACHEDIR=$dir/cache KUBERC=off PATH=$root/bin:$k8s:$PATH
start_all
copy_samples
{
	cat account.yaml
	mapping asha 7 90=true 91=false
	mapping ben 8 90=true 99=true
	mapping cara 9 91=false 92=true
	mapping dan 10 90=false
} | kubectl apply -f - >apply.log
kubectl wait agm/asha agm/cara agm/dan --for=condition=Ready --timeout=$wait_timeout >wait.log
kubectl wait agm/ben --for=condition=Stalled --timeout=$wait_timeout >>wait.log
kubectl deepcall roster -A -o html >roster.html
screenshot
print "wrote $out"
