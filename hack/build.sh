#!/usr/bin/env bash
# build.sh OUTPUT [PACKAGE] builds the manager, or another program here, as it is released. The same source, the
# same Go, VERSION and REVISION give the same bytes, on any machine and in any directory. GOOS and GOARCH choose
# the platform.
set -euo pipefail
mkdir -p "$(dirname "$1")"
output=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
package=${2:-./cmd}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What somebody's environment sets must not change the outcome.
export CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' GOFIPS140=off GOWORK=off GOFLAGS=-mod=readonly
go build -trimpath -buildvcs=false \
	-ldflags "-s -w -buildid= -X main.version=${VERSION:-} -X main.revision=${REVISION:-}" \
	-o "$output" "$package"
