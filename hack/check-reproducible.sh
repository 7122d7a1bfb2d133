#!/usr/bin/env bash
# Builds the manager and the kubectl plugin twice for each of PLATFORMS: here, with this machine's build cache, and
# in another place with an empty one, from nothing but what the Dockerfile copies. Fails if the bytes differ. An
# empty cache takes minutes for each platform; CI does one, a release all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
platforms=${PLATFORMS:-linux/amd64,linux/arm64}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# sources are the paths that the Dockerfile copies into the build.
sources() {
	local word rest
	while read -r word rest; do
		if [[ $word == COPY && $rest != --from=* ]]; then
			set -f
			# shellcheck disable=SC2086 # the words of one COPY; the last is where they go
			set -- $rest
			printf '%s\n' "${@:1:$#-1}"
			set +f
		fi
	done <Dockerfile
}

copy=$work/another/place
for path in $(sources); do
	mkdir -p "$copy/$(dirname "$path")"
	cp -R "$path" "$copy/$(dirname "$path")/"
done
find "$copy" -name '*_test.go' -delete # .dockerignore leaves them out

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
