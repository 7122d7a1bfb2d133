#!/usr/bin/env bash
# Verifies that release builds are reproducible. It builds the manager and the kubectl plugin twice for each of
# PLATFORMS: in this directory with the current build cache, and in another directory with an empty cache, from only the
# files that the Dockerfile copies and the CRDs that the plugin embeds. It fails if the bytes differ. A build with an
# empty cache takes minutes, so CI verifies one platform and a release verifies all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
platforms=${PLATFORMS:-linux/amd64,linux/arm64}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# list_sources prints the paths that the Dockerfile copies into the build.
list_sources() {
	local word rest
	while read -r word rest; do
		if [[ $word == COPY && $rest != --from=* ]]; then
			set -f
			# shellcheck disable=SC2086 # the arguments of COPY; the last one is the destination
			set -- $rest
			printf '%s\n' "${@:1:$#-1}"
			set +f
		fi
	done <Dockerfile
}

copy=$work/other/directory
for path in $(list_sources) config/crd; do
	mkdir -p "$copy/$(dirname "$path")"
	cp -R "$path" "$copy/$(dirname "$path")/"
done
find "$copy" -name '*_test.go' -delete # as .dockerignore does

export VERSION=v0.0.0 REVISION=0000000 GOOS GOARCH
for platform in ${platforms//,/ }; do
	GOOS=${platform%/*} GOARCH=${platform#*/}
	for package in ./cmd ./cmd/kubectl-deepcall; do
		hack/build.sh "$work/first" "$package"
		GOCACHE=$work/cache "$copy/hack/build.sh" "$work/second" "$package"
		if ! cmp "$work/first" "$work/second"; then
			echo "reproducible: two builds of $package for $platform differ" >&2
			exit 1
		fi
		read -r sum _ < <(sha256sum "$work/first")
		printf 'reproducible: %s %s %s\n' "$platform" "$package" "$sum"
	done
done
