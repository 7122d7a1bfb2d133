#!/usr/bin/env bash
# archives.sh DIRECTORY [OS-ARCH...] builds the plugin for all platforms of deepcall.yaml, or for the given ones, and
# writes the archives and the manifest to the directory. The plugin reports VERSION and REVISION as its version. Builds
# are reproducible: the same source, Go version, VERSION and REVISION give the same bytes.
set -euo pipefail
mkdir -p "$1"
output=$(cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
manifest=$(<config/krew/deepcall.yaml)
platforms=("$@")
if [[ $# == 0 ]]; then
	mapfile -t platforms < <(grep -oP 'SHA256-\K\S+' <<<"$manifest")
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp LICENSE "$stage"
chmod 644 "$stage/LICENSE"

# Override the caller's environment, so that it doesn't change the binary.
export CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' GOFIPS140=off GOWORK=off GOFLAGS=-mod=readonly
for platform in "${platforms[@]}"; do
	program=kubectl-deepcall
	if [[ $platform == windows-* ]]; then program+=.exe; fi
	GOOS=${platform%-*} GOARCH=${platform#*-} go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$VERSION -X main.revision=${REVISION:-}" \
		-o "$stage/$program" ./cmd/kubectl-deepcall
	chmod 755 "$stage/$program"
	archive=$output/kubectl-deepcall-$platform.tar.gz
	tar --create --directory="$stage" --owner=0 --group=0 --numeric-owner --mtime=@0 LICENSE "$program" | gzip -n9 >"$archive"
	sum=$(sha256sum <"$archive")
	manifest=${manifest//SHA256-$platform/${sum%% *}}
	rm "$stage/$program"
done
printf '%s\n' "${manifest//VERSION/$VERSION}" >"$output/deepcall.yaml"
