#!/usr/bin/env bash
# Installs kube-controller-manager into bin/k8s. Tests that delete namespaces need its namespace controller, and
# setup-envtest doesn't provide it. It is built from hack/controlplane, like the rest of the control plane, in one to
# three minutes on two cores; later builds use Go's build cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=bin/k8s/kube-controller-manager
if [[ -x $binary && ! hack/controlplane/go.mod -nt $binary ]]; then
	exit 0
fi
kubernetes=$(go list -C hack/controlplane -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${kubernetes#v}"
symbols=k8s.io/component-base/version
mkdir -p bin/k8s
echo "control-plane: building kube-controller-manager $kubernetes (one to three minutes on two cores the first time)" >&2
GOOS='' GOARCH='' CGO_ENABLED=0 GOWORK=off hack/with-progress.sh 'build kube-controller-manager' \
	go build -C hack/controlplane -trimpath -buildvcs=false -mod=readonly \
	-ldflags "-s -w -X $symbols.gitVersion=$kubernetes -X $symbols.gitMajor=$major -X $symbols.gitMinor=$minor" \
	-o "$PWD/$binary.new" k8s.io/kubernetes/cmd/kube-controller-manager
mv -f "$binary.new" "$binary"
