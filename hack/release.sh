#!/usr/bin/env bash
# release.sh DIRECTORY writes the files of the release VERSION to a new directory: for each platform, an archive of the
# manager or the plugin and its SBOM; the charts, install.yaml, the krew manifest, the JSON schemas, and the checksums of
# all of them. It needs no network once Go's module cache is filled. The files are reproducible: the same source, Go
# version, VERSION and REVISION give the same bytes. The image is built by the same hack/build.sh.
set -euo pipefail
mkdir "$1"
output=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
manifest=$(<config/krew/deepcall.yaml)

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp LICENSE "$stage"

# pack ARCHIVE PATH... writes an archive of files of $stage. Nothing in it depends on the time, the user or the umask.
pack() {
	tar --create --directory="$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u+rw,go+r,go-w,a+X \
		"${@:2}" | gzip -n9 >"$output/$1"
}

# build PLATFORM NAME PROGRAM PACKAGE builds a program and writes its archive and its SBOM.
build() {
	local name=$2-$1 program=$3
	GOOS=${1%-*} GOARCH=${1#*-} hack/build.sh "$stage/$program" "$4"
	# The licenses are read from the module cache, whose modules go build has verified. Without a proxy and a checksum
	# database, the SBOM does not depend on the network. The log warns that the main module can't be downloaded.
	if ! GOPROXY=off GOSUMDB=off bin/cyclonedx-gomod bin -json -licenses -noserial -notimestamp -version "$VERSION" \
		-output "$output/$name.cdx.json" "$stage/$program" 2>"$stage/log"; then
		cat "$stage/log" >&2
		return 1
	fi
	pack "$name.tar.gz" LICENSE "$program"
	rm "$stage/$program"
}

go mod download # also the information about versions, which go build does not need, but the SBOMs

for platform in ${PLATFORMS//,/ }; do
	build "${platform/\//-}" deepcall-operator manager ./cmd
done

for platform in $(grep -oP 'SHA256-\K\S+' <<<"$manifest"); do
	program=kubectl-deepcall
	if [[ $platform == windows-* ]]; then program+=.exe; fi
	build "$platform" kubectl-deepcall "$program" ./cmd/kubectl-deepcall
	read -r sum _ < <(sha256sum "$output/kubectl-deepcall-$platform.tar.gz")
	manifest=${manifest//SHA256-$platform/$sum}
done
grep -v '^#' <<<"${manifest//VERSION/$VERSION}" >"$output/deepcall.yaml"

# Helm writes the current time into an archive, so charts are packed again.
bin/helm package config/chart* --destination "$stage" >/dev/null
for chart in "$stage"/*.tgz; do
	name=$(basename "$chart")
	tar --extract --touch --directory="$stage" --file="$chart"
	pack "$name" "${name%-"${VERSION#v}".tgz}"
done

bin/kustomize build config/default >"$output/install.yaml"
go run ./hack/schemas "$output" config/crd/bases/*.yaml

cd "$output"
files=(*)
sha256sum "${files[@]}" >checksums.txt
