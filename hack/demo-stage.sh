# shellcheck shell=bash
# What hack/demo.sh plays on: a control plane, a simulated DeepCall and the manager, each a process on a
# free port of this machine. To be sourced; $root, $k8s, $dir and $patience are the demo's.

readonly started_within=600 # tenths of a second for a process to come up
readonly stopped_within=150 # tenths of a second until a process is killed

say() { printf '%s\n' "$*"; }
step() { printf '\n%s== %s%s\n%s\n' "$bold" "$1" "$plain" "$2"; }
fail() {
	why=$*
	exit 1
}

# ---- processes ----------------------------------------------------------------

# alive PID is true while the process runs; one that ended but was not collected does not.
alive() {
	local stat=''
	kill -0 "$1" 2>/dev/null || return 1
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || true
	[[ $stat != *') Z '* ]]
}

# stop_all DIR stops what was started there, the newest first, and removes the directory.
stop_all() {
	local pid name pids='' tenths
	while read -r pid name; do pids="$pid $pids"; done <"$1/pids"
	for pid in $pids; do
		if [[ -d /proc/$pid && ! /proc/$pid/cwd -ef $1 ]]; then
			continue # the number was given to somebody else since
		fi
		kill -TERM "$pid" 2>/dev/null || continue
		for ((tenths = 0; tenths < stopped_within; tenths++)); do
			alive "$pid" || continue 2
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || true
	done
	rm -rf "$1"
}

dir='' keep=''
cleanup() {
	local status=$? last=${!:-} name
	trap '' INT TERM HUP
	trap - EXIT
	if ((status != 0 && status < 128)); then
		for name in etcd kube-apiserver simulator manager; do
			if [[ -n $dir && -s $dir/$name.log ]]; then
				printf '\n%s---- the last lines of %s.log%s\n' "$bold" "$name" "$plain" >&2
				tail -n 20 "$dir/$name.log" >&2
			fi
		done
		printf '\n%sdemo: %s%s\n' "$red" "${why:-ended with status $status}" "$plain" >&2
	fi
	if [[ -z $dir || -n $keep ]]; then
		exit "$status"
	fi
	# A signal may have come before the newest process was written down.
	printf '%s\n' ${last:+"$last last"} >>"$dir/pids"
	cd /
	stop_all "$dir"
	exit "$status"
}

# start NAME COMMAND... runs a program in the background and writes its process ID down. It gets a
# process group of its own, so that Ctrl-C reaches this script alone.
start() {
	local name=$1
	shift
	: >"$dir/$name.log"
	set -m
	"$@" >"$dir/$name.log" 2>&1 </dev/null &
	pid=$!
	set +m
	printf '%s %s\n' "$pid" "$name" >>"$dir/pids"
	disown "$pid"
}

# up NAME COMMAND... waits until the command succeeds, as long as the process just started lives.
up() {
	local name=$1 tenths
	shift
	for ((tenths = 0; tenths < started_within; tenths += 2)); do
		! "$@" || return 0
		alive "$pid" || return 1
		sleep 0.2
	done
	fail "$name did not come up in $((started_within / 10))s"
}

# ---- the machine room ---------------------------------------------------------

# logged FILE PATTERN finds the first line that matches; what it catches is in BASH_REMATCH.
logged() {
	local line
	while read -r line; do
		[[ ! $line =~ $2 ]] || return 0
	done <"$1"
	return 1
}

random_hex() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# kubeconfig USER TOKEN prints a kubeconfig for the control plane. Its namespace is support.
kubeconfig() {
	cat <<-YAML
		apiVersion: v1
		kind: Config
		current-context: demo
		clusters: [{name: demo, cluster: {server: "https://127.0.0.1:$port", certificate-authority: certs/apiserver.crt}}]
		users: [{name: $1, user: {token: $2}}]
		contexts: [{name: demo, context: {cluster: demo, user: $1, namespace: support}}]
	YAML
}

start_etcd() {
	local none=http://127.0.0.1:0 # port 0: a free one
	start etcd "$k8s/etcd" --name=demo --data-dir="$dir/etcd" --unsafe-no-fsync \
		--listen-client-urls=$none --advertise-client-urls=$none \
		--listen-peer-urls=$none --initial-advertise-peer-urls=$none --initial-cluster=demo=$none
	up etcd logged "$dir/etcd.log" 'serving client traffic.*"address":"([^"]+)"' || fail 'etcd ended'
	etcd=http://${BASH_REMATCH[1]}
}

serving() { "$k8s/kubectl" get --raw=/readyz >"$dir/readyz.log" 2>&1; }

# start_kube_apiserver has it make its own certificate, whose key also signs service accounts. It can't
# take port 0, so a port below those that the kernel gives out is tried, and another if it is taken.
start_kube_apiserver() {
	local admin manager attempt
	admin=$(random_hex)
	manager=$(random_hex)
	printf '%s\n' "$admin,admin,admin,system:masters" "$manager,manager,manager," >"$dir/tokens.csv"
	for attempt in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		kubeconfig admin "$admin" >"$dir/kubeconfig"
		kubeconfig manager "$manager" >"$dir/manager.kubeconfig"
		start kube-apiserver "$k8s/kube-apiserver" --etcd-servers="$etcd" \
			--secure-port=$port --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --cert-dir="$dir/certs" \
			--service-account-issuer=https://kubernetes.default.svc \
			--service-account-signing-key-file="$dir/certs/apiserver.key" \
			--service-account-key-file="$dir/certs/apiserver.key" \
			--token-auth-file="$dir/tokens.csv" --authorization-mode=RBAC --endpoint-reconciler-type=none
		! up kube-apiserver serving || return 0
		logged "$dir/kube-apiserver.log" 'address already in use' || break
	done
	fail 'kube-apiserver ended'
}

start_simulator() {
	start simulator "$root/bin/simulator" --listen=127.0.0.1:0 --user=1001:s3cr3t --agents=7 --groups=90,91,92
	up simulator logged "$dir/simulator.log" '^listening on (http://127\.0\.0\.1:([0-9]+))$' || fail 'the simulator ended'
	deepcall=${BASH_REMATCH[1]} deepcall_port=${BASH_REMATCH[2]}
}

# start_manager runs it with the rights that it has in a cluster, and no others. The namespaced ones
# are in system, as kustomize finds them.
start_manager() {
	{
		kubectl create namespace support && kubectl create namespace system &&
			kubectl apply -f "$root/config/crd/bases" -f "$root/config/rbac/role.yaml" -f "$root/config/rbac/namespaces_role.yaml" &&
			kubectl create clusterrolebinding manager --clusterrole=manager-role --user=manager &&
			kubectl create clusterrolebinding namespaces --clusterrole=namespaces-role --user=manager &&
			kubectl wait crd --all --for=condition=Established --timeout=$patience
	} >set-up.log 2>&1 || fail "the set-up failed: $(<set-up.log)"
	start manager "$root/bin/manager" --kubeconfig="$dir/manager.kubeconfig" --leader-elect=false \
		--allow-insecure-endpoints --health-probe-bind-address=0 --metrics-bind-address=0
}

# copy_samples takes the sample objects, with the simulator for DeepCall.
copy_samples() {
	local account
	account=$(<"$root/config/samples/account.yaml")
	account=${account/'https://v4-api.deepcall.com'/$deepcall}
	[[ $account == *"endpoint: $deepcall"* && $account != *v4-api* ]] ||
		fail 'config/samples/account.yaml has not the endpoint that the demo replaces'
	printf '%s\n' "$account" >account.yaml
	cp "$root/config/samples/mapping.yaml" mapping.yaml
}

set_up() {
	say "Starting etcd, kube-apiserver, a simulated DeepCall and the manager, in $dir"
	start_etcd
	start_kube_apiserver
	start_simulator
	start_manager
}
