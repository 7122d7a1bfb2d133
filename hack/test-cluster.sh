#!/usr/bin/env bash
# Runs test/cluster in a cluster with Pods, and removes the cluster.
#
# BACKEND=kind starts it with kind, which needs Docker. BACKEND=node starts it on this machine, in its own namespaces
# and without a container engine; it needs root and Debian's packages below. The default is kind if Docker is running.
# All this is checked before anything is built.
#
# K8S_IMAGE is the node image of kind, PREVIOUS the commit from which the tests upgrade. KEEP_LOGS=1 keeps the logs of a
# node on this machine after a failure. Further arguments are passed to the test binary, such as -ginkgo.focus=upgraded.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly packages=(containerd runc containernetworking-plugins nftables iptables conntrack ethtool kmod iproute2 openssl)
readonly cluster=deepcall-test-cluster-$$ bin=$PWD/bin/testcluster

log() { printf 'test-cluster: %s\n' "$*" >&2; }
die() { log "$*"; exit 1; }

backend=${BACKEND:-}
if [[ -z $backend ]]; then
	backend=node
	if docker info >/dev/null 2>&1; then backend=kind; fi
fi

work=$(mktemp -d "${TMPDIR:-/var/tmp}/deepcall-test-cluster.XXXXXX")
child=''

cleanup() {
	local status=$?
	trap - EXIT INT TERM HUP
	if [[ -n $child ]]; then
		kill -KILL "$child" 2>/dev/null || true # unshare ends the namespaces with it
		wait "$child" 2>/dev/null || true
	fi
	if [[ $backend == kind ]]; then
		"$bin/kind" delete cluster --name "$cluster" 2>/dev/null || true
	else
		remove_cgroups
	fi
	if ((status != 0)) && [[ -n ${KEEP_LOGS:-} && -d $work/node/log ]]; then
		log "logs are in $work/node/log"
	else
		rm -rf "$work"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# cgroup_roots lists the mount points of the cgroup hierarchies with controllers.
cgroup_roots() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo /sys/fs/cgroup
	else
		find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d ! -name unified
	fi
}

# join_cgroup moves this process into a new cgroup of each hierarchy.
join_cgroup() {
	local root
	for root in $(cgroup_roots); do
		mkdir "$root/$cluster"
		if [[ -e $root/cpuset.cpus && -e $root/cpuset.mems && ! -e $root/cgroup.controllers ]]; then
			cat "$root/cpuset.cpus" >"$root/$cluster/cpuset.cpus"
			cat "$root/cpuset.mems" >"$root/$cluster/cpuset.mems"
		fi
		echo "$BASHPID" >"$root/$cluster/cgroup.procs"
	done
}

remove_cgroups() {
	local root try
	for root in $(cgroup_roots); do
		for try in {1..50}; do
			[[ -e $root/$cluster ]] || break
			find "$root/$cluster" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1 # until its processes have ended
		done
		[[ ! -e $root/$cluster ]] || log "cannot remove the cgroup $root/$cluster after $try attempts"
	done
}

check_machine() {
	case $backend in
	kind)
		docker info >/dev/null || die 'BACKEND=kind needs a running Docker daemon'
		;;
	node)
		((EUID == 0)) || die 'without Docker, this needs root: run it as root, or start Docker'
		local missing=() package
		for package in "${packages[@]}"; do
			dpkg --status "$package" >/dev/null 2>&1 || missing+=("$package")
		done
		((${#missing[@]} == 0)) || die "without Docker, this needs Debian's packages: apt-get install --no-install-recommends ${missing[*]}"
		;;
	*)
		die "BACKEND is kind or node, not $backend"
		;;
	esac
}

# find_previous sets $previous to the commit from which the tests upgrade: the last one before this one that changed the
# chart.
previous=''
find_previous() {
	if [[ -n ${PREVIOUS:-} ]]; then
		previous=$(git rev-parse --verify --quiet "$PREVIOUS^{commit}") || die "PREVIOUS=$PREVIOUS is not a commit in the git history"
		return
	fi
	previous=$(git log --max-count=1 --format=%H HEAD^ -- config/chart 2>/dev/null) || true
	[[ -n $previous ]] || die 'the git history has no commit to upgrade from: fetch the whole history, or set PREVIOUS'
}

# build NAME DIRECTORY PACKAGE builds a static program of a module.
build() {
	CGO_ENABLED=0 hack/with-progress.sh "build $1" go build -C "$2" -buildvcs=false -ldflags '-s -w' -o "$bin/$1" "$3"
}

# build_manager SOURCE DIRECTORY VERSION builds the manager of a source tree in a directory.
build_manager() {
	(cd "$1" && VERSION=$3 REVISION=$3 hack/with-progress.sh "build manager $3" hack/build.sh "$2/manager")
}

build_programs() {
	make --no-print-directory control-plane bin/helm
	mkdir -p "$bin"/{operator,previous}
	build simulator . ./test/simulator
	hack/with-progress.sh 'build tests' go test -c -tags=cluster -o "$bin/cluster.test" ./test/cluster
	build image hack/testcluster ./image
	if [[ $backend == kind ]]; then
		build kind hack/testcluster sigs.k8s.io/kind
		return
	fi
	build_manager . "$bin/operator" test
	build coredns hack/testcluster ./coredns
	build pause hack/testcluster ./pause
	hack/kubernetes-binaries.sh kubelet kube-scheduler kube-proxy kube-controller-manager
}

# export_previous writes the chart and the manager from which the tests upgrade.
export_previous() {
	mkdir "$work/previous"
	git archive "$previous" | tar --extract --directory="$work/previous"
	build_manager "$work/previous" "$bin/previous" "${previous:0:12}"
}

# write_images writes the images to files. With Docker, the operator's is built from the Dockerfile, as for a release.
write_images() {
	local images=(deepcall.test/operator:previous="$bin/previous/manager" deepcall.test/simulator:test="$bin/simulator")
	if [[ $backend == kind ]]; then
		docker build --tag deepcall.test/operator:test --build-arg VERSION=test --build-arg REVISION=test .
		docker save --output "$work/operator.tar" deepcall.test/operator:test
	else
		images+=(deepcall.test/operator:test="$bin/operator/manager" deepcall.test/coredns:test="$bin/coredns"
			deepcall.test/pause:test="$bin/pause")
	fi
	"$bin/image" "$work/images.tar" "${images[@]}"
}

# run_kind runs a command in a kind cluster.
run_kind() {
	"$bin/kind" create cluster --name "$cluster" --kubeconfig "$work/kubeconfig" --wait 3m ${K8S_IMAGE:+--image "$K8S_IMAGE"}
	"$bin/kind" load image-archive --name "$cluster" "$work/images.tar"
	"$bin/kind" load image-archive --name "$cluster" "$work/operator.tar"
	KUBECONFIG=$work/kubeconfig NODE="docker exec $cluster-control-plane" "$@"
}

# run_node runs a command in a cluster on this machine.
run_node() {
	(
		join_cgroup
		BIN_K8S=$PWD/bin/k8s exec unshare --mount --net --cgroup --pid --fork --kill-child --mount-proc \
			hack/testcluster/node/run.sh "$work/node" "$work/images.tar" "$@"
	) &
	child=$!
	local status=0
	wait "$child" || status=$?
	child=''
	return "$status"
}

check_machine
find_previous
build_programs
export_previous
write_images
log "starting the cluster ($backend)"
PREVIOUS_CHART=$work/previous/config/chart "run_$backend" "$bin/cluster.test" -test.timeout=60m -ginkgo.v "$@"
