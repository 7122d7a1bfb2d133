#!/usr/bin/env bash
# Installs kube-apiserver, etcd and kubectl into bin/k8s, for the tests and the demo. With K8S=1.33, it installs those of
# Kubernetes 1.33 into bin/k8s-1.33, for tests with another supported version.
#
#   1. If KUBEBUILDER_ASSETS is set, it links the binaries of that directory.
#   2. Otherwise, it downloads them with setup-envtest.
#   3. If the download fails, it builds them from hack/controlplane: five to nine
#      minutes on two cores the first time, seconds with the Go build cache.
#
# hack/controlplane/go.mod pins the versions; for another version, the latest patch release is used. Binaries that are
# up to date are not replaced. Needs Go and coreutils. It can be interrupted and can run concurrently.
set -euo pipefail

readonly binaries=(kube-apiserver etcd kubectl)
readonly stall_timeout=20     # seconds without progress until a download is aborted
readonly download_timeout=600 # seconds until a download is aborted

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly dest=$root/bin/k8s${K8S:+-$K8S}
module=$root/hack/controlplane

# shellcheck source=kubernetes-build.sh
source "$root/hack/kubernetes-build.sh"
die() { log "$*"; exit 1; }

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

# is_installed STAMP reports whether bin/k8s contains all binaries of that stamp.
is_installed() {
	[[ -f $dest/.stamp && $(<"$dest/.stamp") == "$1" ]] || return 1
	local name
	for name in "${binaries[@]}"; do
		[[ -x $dest/$name ]] || return 1
	done
}

# can_run DIR reports whether its binaries run on this machine.
can_run() {
	"$1/kube-apiserver" --version >/dev/null 2>&1 || { log "$1/kube-apiserver does not run here"; return 1; }
	"$1/etcd" --version >/dev/null 2>&1 || { log "$1/etcd does not run here"; return 1; }
	"$1/kubectl" version --client >/dev/null 2>&1 || { log "$1/kubectl does not run here"; return 1; }
}

# install_from DIR STAMP moves the binaries of DIR into bin/k8s. It writes the stamp
# last, so that a stamp is present only if all binaries are complete.
install_from() {
	local name
	mkdir -p "$dest"
	rm -f "$dest/.stamp"
	for name in "${binaries[@]}"; do
		mv -f "$1/$name" "$dest/$name"
	done
	printf '%s\n' "$2" >"$work/.stamp"
	mv -f "$work/.stamp" "$dest/.stamp"
	log "ready in ${dest#"$root/"}: $("$dest/kube-apiserver" --version), $("$dest/etcd" --version | head -n 1)"
}

work=''
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

last_line() { tail -n 1 "$1" 2>/dev/null | head -c 300; }

from_assets() {
	local assets name stamp
	assets=$(cd "$KUBEBUILDER_ASSETS" 2>/dev/null && pwd -P) ||
		die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS is not a directory; unset it to download or build the binaries"
	for name in "${binaries[@]}"; do
		[[ -x $assets/$name ]] ||
			die "KUBEBUILDER_ASSETS=$assets has no executable $name; unset it to download or build ${binaries[*]}"
	done
	stamp="assets $assets"
	if is_installed "$stamp"; then
		return
	fi
	can_run "$assets" || die 'unset KUBEBUILDER_ASSETS to download or build the binaries'
	log "using KUBEBUILDER_ASSETS=$assets"
	for name in "${binaries[@]}"; do
		ln -s "$assets/$name" "$work/$name"
	done
	install_from "$work" "$stamp"
}

bytes_downloaded() { du -sk "$work/tmp" "$work/envtest" 2>/dev/null | cut -f 1 | paste -s -d + - || true; }

# download downloads the latest patch release of the wanted minor version and sets
# $downloaded to its directory. It fails early if the download stalls.
downloaded=''
download() {
	local minor=${kubernetes#v} started=$SECONDS reported=$SECONDS progressed=$SECONDS size=0 now
	minor=${minor%.*}
	log "building setup-envtest"
	build_kubernetes "$module" "$kubernetes" "$work/setup-envtest" sigs.k8s.io/controller-runtime/tools/setup-envtest || return 1
	log "downloading Kubernetes $minor with setup-envtest (aborted after ${stall_timeout}s without progress)"
	mkdir -p "$work/tmp" "$work/envtest"
	started=$SECONDS progressed=$SECONDS
	start "$work/out" "$work/log" env TMPDIR="$work/tmp" "$work/setup-envtest" use "$minor.x" --bin-dir "$work/envtest" -p path
	while child_running; do
		sleep 0.5
		now=$(($(bytes_downloaded)))
		if ((now != size)); then
			size=$now progressed=$SECONDS
		fi
		if ((SECONDS - progressed >= stall_timeout || SECONDS - started >= download_timeout)); then
			stop_child TERM
			log "download aborted: $((now / 1024)) MiB in $(elapsed "$started")"
			return 1
		fi
		if ((SECONDS - reported >= progress_interval)); then
			reported=$SECONDS
			log "downloading: $((now / 1024)) MiB, $(elapsed "$started")"
		fi
	done
	if ! wait_child; then
		log "download failed: $(last_line "$work/log")"
		return 1
	fi
	downloaded=$(<"$work/out")
	can_run "$downloaded" || return 1
	chmod u+w "$downloaded"
}

# write_module writes a module like hack/controlplane for the latest patch release of the version K8S, and sets $module
# and $kubernetes.
write_module() {
	local source staging
	kubernetes=$(cd "$work" && GOWORK=off go list -m -versions k8s.io/kubernetes | tr ' ' '\n' | grep -E "^v${K8S//./\\.}\.[0-9]+$" | tail -n 1)
	[[ -n $kubernetes ]] || die "there is no release of Kubernetes $K8S"
	module=$work/module
	mkdir "$module"
	cd "$module"
	go mod init controlplane 2>/dev/null
	go mod edit -go="$(go env GOVERSION | grep -oE '[0-9]+\.[0-9]+').0" -require="k8s.io/kubernetes@$kubernetes" \
		-tool=k8s.io/kubernetes/cmd/kube-apiserver -tool=k8s.io/kubernetes/cmd/kubectl -tool=go.etcd.io/etcd/server/v3
	source=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
	# Kubernetes replaces its staging modules with local directories; use the published ones. Nothing imports the samples.
	for staging in $(sed -n 's|^[[:space:]]*\(k8s.io/[a-z-]*\) => ./staging.*|\1|p' "$source"); do
		case $staging in
		*/sample-*) go mod edit -exclude="$staging@v0.0.0" ;;
		*) go mod edit -replace="$staging=$staging@v0.${kubernetes#v1.}" ;;
		esac
	done
	go mod tidy
	cd "$root"
}

build() {
	if [[ -n ${K8S:-} ]]; then
		write_module
	fi
	log "building Kubernetes $kubernetes and etcd from Go modules (five to nine minutes on two cores the first time)"
	mkdir -p "$work/built"
	build_kubernetes "$module" "$kubernetes" "$work/built/" \
		k8s.io/kubernetes/cmd/kube-apiserver go.etcd.io/etcd/server/v3 k8s.io/kubernetes/cmd/kubectl || exit 1
	mv "$work/built/server" "$work/built/etcd" # go build names the binary after the last element of the package path
	install_from "$work/built" "$wanted"
}

if [[ -n ${K8S:-} ]]; then
	[[ $K8S =~ ^1\.[0-9]+$ ]] || die "K8S must be a minor version such as 1.33, not $K8S"
	kubernetes=v$K8S.0
	wanted="kubernetes $K8S $(go env GOHOSTOS)/$(go env GOHOSTARCH)"
else
	kubernetes=$(version_of k8s.io/kubernetes)
	wanted="kubernetes $kubernetes etcd $(version_of go.etcd.io/etcd/server/v3) $(go env GOHOSTOS)/$(go env GOHOSTARCH)"
fi
readonly wanted

# Ignore KUBEBUILDER_ASSETS=bin/k8s, which the Makefile and the tests set.
if [[ -z ${K8S:-} && -n ${KUBEBUILDER_ASSETS:-} && ! $KUBEBUILDER_ASSETS -ef $dest ]]; then
	assets=$KUBEBUILDER_ASSETS
else
	assets=''
	if is_installed "$wanted"; then
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
