# shellcheck shell=bash
# Starts and stops the processes of hack/demo.sh: a control plane, the DeepCall simulator and the manager, on free
# ports of this machine. hack/demo.sh sources this file and sets $root, $k8s, $dir and $wait_timeout.

readonly start_timeout=600 # tenths of a second until starting a process fails
readonly stop_timeout=150  # tenths of a second until a process is killed

print() { printf '%s\n' "$*"; }
step() { printf '\n%s== %s%s\n%s\n' "$bold" "$1" "$plain" "$2"; }
fail() {
	failure=$*
	exit 1
}

# ---- processes ----------------------------------------------------------------

# is_running PID reports whether the process runs. A zombie process doesn't.
is_running() {
	local stat=''
	kill -0 "$1" 2>/dev/null || return 1
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || true
	[[ $stat != *') Z '* ]]
}

# stop_all DIR stops the processes that were started in DIR, latest first, and removes DIR.
stop_all() {
	local pid name pids='' tenths
	while read -r pid name; do pids="$pid $pids"; done <"$1/pids"
	for pid in $pids; do
		if [[ -d /proc/$pid && ! /proc/$pid/cwd -ef $1 ]]; then
			continue # another process reuses this ID
		fi
		kill -TERM "$pid" 2>/dev/null || continue
		for ((tenths = 0; tenths < stop_timeout; tenths++)); do
			is_running "$pid" || continue 2
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
				printf '\n%s---- last lines of %s.log%s\n' "$bold" "$name" "$plain" >&2
				tail -n 20 "$dir/$name.log" >&2
			fi
		done
		printf '\n%sdemo: %s%s\n' "$red" "${failure:-exit status $status}" "$plain" >&2
	fi
	if [[ -z $dir || -n $keep ]]; then
		exit "$status"
	fi
	# A signal can arrive before the ID of the latest process is recorded.
	printf '%s\n' ${last:+"$last last"} >>"$dir/pids"
	cd /
	stop_all "$dir"
	exit "$status"
}

# start NAME COMMAND... runs a program in the background and records its process ID. The program has its
# own process group, so that Ctrl-C only signals this script.
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

# wait_ready NAME COMMAND... waits until the command succeeds. It returns 1 if the process exits before.
wait_ready() {
	local name=$1 tenths
	shift
	for ((tenths = 0; tenths < start_timeout; tenths += 2)); do
		! "$@" || return 0
		is_running "$pid" || return 1
		sleep 0.2
	done
	fail "$name did not start in $((start_timeout / 10))s"
}

# ---- control plane, simulator and manager -------------------------------------

# find_line FILE PATTERN reports whether a line matches, and sets BASH_REMATCH to the match.
find_line() {
	local line
	while read -r line; do
		[[ ! $line =~ $2 ]] || return 0
	done <"$1"
	return 1
}

random_hex() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# print_kubeconfig USER TOKEN prints a kubeconfig for the control plane, with the namespace support.
print_kubeconfig() {
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
	local url=http://127.0.0.1:0 # port 0 selects a free port
	start etcd "$k8s/etcd" --name=demo --data-dir="$dir/etcd" --unsafe-no-fsync \
		--listen-client-urls=$url --advertise-client-urls=$url \
		--listen-peer-urls=$url --initial-advertise-peer-urls=$url --initial-cluster=demo=$url
	wait_ready etcd find_line "$dir/etcd.log" 'serving client traffic.*"address":"([^"]+)"' || fail 'etcd exited'
	etcd=http://${BASH_REMATCH[1]}
}

is_serving() { "$k8s/kubectl" get --raw=/readyz >"$dir/readyz.log" 2>&1; }

# start_kube_apiserver starts kube-apiserver with a self-signed certificate, whose key also signs service account tokens.
# kube-apiserver doesn't support port 0, so random ports below the kernel's ephemeral range are tried.
start_kube_apiserver() {
	local admin manager attempt
	admin=$(random_hex)
	manager=$(random_hex)
	printf '%s\n' "$admin,admin,admin,system:masters" "$manager,manager,manager," >"$dir/tokens.csv"
	for attempt in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		print_kubeconfig admin "$admin" >"$dir/kubeconfig"
		print_kubeconfig manager "$manager" >"$dir/manager.kubeconfig"
		start kube-apiserver "$k8s/kube-apiserver" --etcd-servers="$etcd" \
			--secure-port=$port --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --cert-dir="$dir/certs" \
			--service-account-issuer=https://kubernetes.default.svc \
			--service-account-signing-key-file="$dir/certs/apiserver.key" \
			--service-account-key-file="$dir/certs/apiserver.key" \
			--token-auth-file="$dir/tokens.csv" --authorization-mode=RBAC --endpoint-reconciler-type=none
		! wait_ready kube-apiserver is_serving || return 0
		find_line "$dir/kube-apiserver.log" 'address already in use' || break
	done
	fail 'kube-apiserver exited'
}

start_simulator() {
	start simulator "$root/bin/simulator" --listen=127.0.0.1:0 --user=1001:s3cr3t --agents="${agents:-7}" --groups="${groups:-90,91,92}"
	wait_ready simulator find_line "$dir/simulator.log" '^listening on (http://127\.0\.0\.1:([0-9]+))$' || fail 'the simulator exited'
	deepcall=${BASH_REMATCH[1]} deepcall_port=${BASH_REMATCH[2]}
}

# start_manager starts the manager with the same permissions as in a cluster. The Roles in config/rbac are in the
# namespace system, which kustomize replaces.
start_manager() {
	{
		kubectl create namespace support && kubectl create namespace system &&
			kubectl apply -f "$root/config/crd/bases" -f "$root/config/rbac/role.yaml" -f "$root/config/rbac/namespaces_role.yaml" &&
			kubectl create clusterrolebinding manager --clusterrole=manager-role --user=manager &&
			kubectl create clusterrolebinding namespaces --clusterrole=namespaces-role --user=manager &&
			kubectl wait crd --all --for=condition=Established --timeout=$wait_timeout
	} >setup.log 2>&1 || fail "the setup failed: $(<setup.log)"
	start manager "$root/bin/manager" --kubeconfig="$dir/manager.kubeconfig" --leader-elect=false \
		--allow-insecure-endpoints --health-probe-bind-address=0 --metrics-bind-address=0
}

# copy_samples copies the sample objects and sets their endpoint to the simulator.
copy_samples() {
	local account
	account=$(<"$root/config/samples/account.yaml")
	account=${account/'https://v4-api.deepcall.com'/$deepcall}
	[[ $account == *"endpoint: $deepcall"* && $account != *v4-api* ]] ||
		fail 'config/samples/account.yaml does not have the endpoint https://v4-api.deepcall.com'
	printf '%s\n' "$account" >account.yaml
	cp "$root/config/samples/mapping.yaml" mapping.yaml
}

start_all() {
	print "Starting etcd, kube-apiserver, the DeepCall simulator and the manager in $dir"
	start_etcd
	start_kube_apiserver
	start_simulator
	start_manager
}
