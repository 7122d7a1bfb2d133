#!/usr/bin/env bash
# kubernetes-binaries.sh NAME... installs Kubernetes binaries that setup-envtest doesn't provide into bin/k8s: for tests
# that delete namespaces, kube-controller-manager; for the test cluster, kubelet and others. They are built from
# hack/controlplane, like the rest of the control plane, in one to three minutes each on two cores; later builds use
# Go's build cache. With K8S=1.33, bin/k8s-1.33 links to them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=kubernetes-build.sh
source hack/kubernetes-build.sh

build() {
	local kubernetes
	kubernetes=$(go list -C hack/controlplane -m -f '{{.Version}}' k8s.io/kubernetes)
	mkdir -p bin/k8s
	work=$(mktemp -d bin/.k8s.XXXXXX)
	trap 'stop_child INT; rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	log "building ${*##*/} $kubernetes (one to three minutes each on two cores the first time)"
	build_kubernetes hack/controlplane "$kubernetes" "$PWD/$work/built/" "$@"
	mv -f "$work"/built/* bin/k8s
}

packages=()
for name in "$@"; do
	if [[ ! -x bin/k8s/$name || hack/controlplane/go.mod -nt bin/k8s/$name ]]; then
		packages+=("k8s.io/kubernetes/cmd/$name")
	fi
done
if ((${#packages[@]} > 0)); then
	build "${packages[@]}"
fi
if [[ -n ${K8S:-} ]]; then
	for name in "$@"; do
		ln -sf "../k8s/$name" "bin/k8s-$K8S/$name" # the controllers also work with an older API server
	done
fi
