#!/usr/bin/env bash
# Puts kube-apiserver, etcd and kubectl into bin/k8s, for the tests and the demo.
#
#   1. KUBEBUILDER_ASSETS, if set, names a directory that holds them: linked.
#   2. Else setup-envtest downloads them, if it can.
#   3. Else they are built from hack/controlplane: four to six minutes on two
#      cores the first time, seconds from the Go build cache.
#
# The versions stand in hack/controlplane/go.mod and nowhere else. What is wanted
# and in place already is left alone. Needs Go and coreutils; safe to interrupt
# and to run twice at once.
set -euo pipefail

readonly binaries=(kube-apiserver etcd kubectl)
readonly heartbeat=15     # seconds between two signs of life
readonly silence=20       # seconds without a byte until a download counts as dead
readonly download_max=600 # seconds until a download that trickles counts as dead

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly module=$root/hack/controlplane dest=$root/bin/k8s

say() { printf 'control-plane: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
took() { printf '%dm%02ds' $(((SECONDS - $1) / 60)) $(((SECONDS - $1) % 60)); }

# version_of MODULE prints the version that hack/controlplane/go.mod requires.
version_of() {
	local path version _
	while read -r path version _; do
		if [[ $path == "$1" && $version == v* ]]; then
			printf '%s' "$version"
			return
		fi
	done <"$module/go.mod"
	die "$module/go.mod requires no $1"
}

# in_place STAMP succeeds if bin/k8s holds every binary of that stamp.
in_place() {
	[[ -f $dest/.stamp && $(<"$dest/.stamp") == "$1" ]] || return 1
	local name
	for name in "${binaries[@]}"; do
		[[ -x $dest/$name ]] || return 1
	done
}

# runs DIR succeeds if its binaries run on this machine.
runs() {
	"$1/kube-apiserver" --version >/dev/null 2>&1 || { say "$1/kube-apiserver does not run here"; return 1; }
	"$1/etcd" --version >/dev/null 2>&1 || { say "$1/etcd does not run here"; return 1; }
	"$1/kubectl" version --client >/dev/null 2>&1 || { say "$1/kubectl does not run here"; return 1; }
}

# install_from DIR STAMP moves the binaries of DIR into bin/k8s, the stamp last:
# whatever happens on the way, a stamp stands only beside whole binaries.
install_from() {
	local name
	mkdir -p "$dest"
	rm -f "$dest/.stamp"
	for name in "${binaries[@]}"; do
		mv -f "$1/$name" "$dest/$name"
	done
	printf '%s\n' "$2" >"$work/.stamp"
	mv -f "$work/.stamp" "$dest/.stamp"
	say "ready in bin/k8s: $("$dest/kube-apiserver" --version), $("$dest/etcd" --version | head -n 1)"
}

work='' child=''
cleanup() {
	local status=$?
	trap - EXIT INT TERM HUP
	stop_child INT
	if [[ -n $work ]]; then
		chmod -R u+w "$work" 2>/dev/null || true # setup-envtest's directories are read-only
		rm -rf "$work"
	fi
	exit "$status"
}

# start COMMAND... runs it in the background, in a process group of its own and
# with its output in $work/log, so that an interrupt ends all of it.
start() {
	set -m
	"$@" >"$work/out" 2>"$work/log" </dev/null &
	child=$!
	set +m
}

stop_child() {
	if [[ -n $child ]]; then
		kill "-$1" -- "-$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
		child=''
	fi
}

# finish waits for the child and returns its exit status.
finish() {
	local status=0
	wait "$child" || status=$?
	child=''
	return "$status"
}

running() { kill -0 "$child" 2>/dev/null; }

last_line() { tail -n 1 "$1" 2>/dev/null | head -c 300; }

# with_heartbeat WHAT COMMAND... runs a Go command and says every $heartbeat
# seconds how far it is. The command's log is shown only if it fails.
with_heartbeat() {
	local what=$1 began=$SECONDS spoke=$SECONDS status=0
	shift
	start "$@"
	while running; do
		sleep 1
		if ((SECONDS - spoke >= heartbeat)); then
			spoke=$SECONDS
			say "$what: $(took "$began"), $(($(wc -l <"$work/log"))) steps done $(last_line "$work/log")"
		fi
	done
	finish || status=$?
	if ((status != 0)); then
		say "$what failed after $(took "$began"):"
		tail -n 30 "$work/log" >&2
	fi
	return "$status"
}

go_build() { # go_build OUTPUT PACKAGE...
	local output=$1
	shift
	local symbols=k8s.io/component-base/version major minor
	IFS=. read -r major minor _ <<<"${kubernetes#v}"
	GOOS='' GOARCH='' CGO_ENABLED=0 GOWORK=off go build -C "$module" -v -trimpath -buildvcs=false -mod=readonly \
		-ldflags "-s -w -X $symbols.gitVersion=$kubernetes -X $symbols.gitMajor=$major -X $symbols.gitMinor=$minor" \
		-o "$output" "$@"
}

from_assets() {
	local assets name stamp
	assets=$(cd "$KUBEBUILDER_ASSETS" 2>/dev/null && pwd -P) ||
		die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS is not a directory; unset it to have the binaries downloaded or built"
	for name in "${binaries[@]}"; do
		[[ -x $assets/$name ]] ||
			die "KUBEBUILDER_ASSETS=$assets has no executable $name; unset it to have all of ${binaries[*]} downloaded or built"
	done
	stamp="assets $assets"
	if in_place "$stamp"; then
		return
	fi
	runs "$assets" || die 'unset KUBEBUILDER_ASSETS to have the binaries downloaded or built'
	say "using KUBEBUILDER_ASSETS=$assets"
	for name in "${binaries[@]}"; do
		ln -s "$assets/$name" "$work/$name"
	done
	install_from "$work" "$stamp"
}

bytes_downloaded() { du -sk "$work/tmp" "$work/envtest" 2>/dev/null | cut -f 1 | paste -s -d + - || true; }

# download fetches the newest patch release of the wanted minor one and leaves its
# directory in $downloaded. It gives up, quickly, when nothing comes.
downloaded=''
download() {
	local minor=${kubernetes#v} began=$SECONDS spoke=$SECONDS moved=$SECONDS size=0 now
	minor=${minor%.*}
	with_heartbeat 'building setup-envtest' \
		go_build "$work/setup-envtest" sigs.k8s.io/controller-runtime/tools/setup-envtest || return 1
	say "downloading Kubernetes $minor with setup-envtest (for at most ${silence}s if nothing comes)"
	mkdir -p "$work/tmp" "$work/envtest"
	began=$SECONDS moved=$SECONDS
	start env TMPDIR="$work/tmp" "$work/setup-envtest" use "$minor.x" --bin-dir "$work/envtest" -p path
	while running; do
		sleep 0.5
		now=$(($(bytes_downloaded)))
		if ((now != size)); then
			size=$now moved=$SECONDS
		fi
		if ((SECONDS - moved >= silence || SECONDS - began >= download_max)); then
			stop_child TERM
			say "no download: $((now / 1024)) MiB in $(took "$began"), and then nothing"
			return 1
		fi
		if ((SECONDS - spoke >= heartbeat)); then
			spoke=$SECONDS
			say "downloading: $((now / 1024)) MiB, $(took "$began")"
		fi
	done
	if ! finish; then
		say "no download: $(last_line "$work/log")"
		return 1
	fi
	downloaded=$(<"$work/out")
	runs "$downloaded" || return 1
	chmod u+w "$downloaded"
}

build() {
	local began=$SECONDS
	say "building Kubernetes $kubernetes and etcd $etcd from hack/controlplane: four to six minutes on two cores the first time, then from Go's build cache"
	mkdir -p "$work/built"
	with_heartbeat "building ${binaries[*]}" go_build "$work/built/" \
		k8s.io/kubernetes/cmd/kube-apiserver go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kubectl || exit 1
	mv "$work/built/server" "$work/built/etcd" # Go names it after the last element of its path
	install_from "$work/built" "$wanted"
	say "built in $(took "$began")"
}

kubernetes=$(version_of k8s.io/kubernetes)
etcd=$(version_of go.etcd.io/etcd/server/v3)
wanted="kubernetes $kubernetes etcd $etcd $(go env GOHOSTOS)/$(go env GOHOSTARCH)"
readonly kubernetes etcd wanted

# The Makefile and the tests point KUBEBUILDER_ASSETS at bin/k8s itself.
if [[ -n ${KUBEBUILDER_ASSETS:-} && ! $KUBEBUILDER_ASSETS -ef $dest ]]; then
	assets=$KUBEBUILDER_ASSETS
else
	assets=''
	if in_place "$wanted"; then
		exit 0
	fi
fi

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$root/bin"
work=$(mktemp -d "$root/bin/.k8s.XXXXXX")

if [[ -n $assets ]]; then
	from_assets
elif download; then
	install_from "$downloaded" "$wanted"
else
	build
fi
