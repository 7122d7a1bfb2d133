#!/usr/bin/env bash
# build.sh OUTPUT [PACKAGE] builds the release binary of PACKAGE, by default the manager. Builds are reproducible: the
# same source, Go version, VERSION and REVISION give the same bytes on any machine and in any directory. GOOS and
# GOARCH select the platform.
set -euo pipefail
mkdir -p "$(dirname "$1")"
output=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
package=${2:-./cmd}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Override the caller's environment, so that it doesn't change the binary.
export CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' GOFIPS140=off GOWORK=off GOFLAGS=-mod=readonly
go build -trimpath -buildvcs=false \
	-ldflags "-s -w -buildid= -X main.version=${VERSION:-} -X main.revision=${REVISION:-}" \
	-o "$output" "$package"
