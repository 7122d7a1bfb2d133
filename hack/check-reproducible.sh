#!/usr/bin/env bash
# Builds the manager twice for each platform of the image, in different directories and with an empty
# build cache each, from nothing but what the Dockerfile copies, and fails if the bytes differ.
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

# build DIR builds all platforms in a copy of its own.
build() {
	local path platform
	for path in $(sources); do
		mkdir -p "$work/$1/$(dirname "$path")"
		cp -R "$path" "$work/$1/$(dirname "$path")/"
	done
	find "$work/$1" -name '*_test.go' -delete # .dockerignore leaves them out
	for platform in ${platforms//,/ }; do
		GOOS=${platform%/*} GOARCH=${platform#*/} GOCACHE=$work/cache-$1 VERSION=v0.0.0 REVISION=0000000 \
			"$work/$1/hack/build.sh" "$work/$1/manager-${platform//\//-}"
	done
}

build here
build another/place
for platform in ${platforms//,/ }; do
	name=manager-${platform//\//-}
	if ! cmp "$work/here/$name" "$work/another/place/$name"; then
		echo "reproducible: two builds for $platform differ" >&2
		exit 1
	fi
	read -r sum _ < <(sha256sum "$work/here/$name")
	printf 'reproducible: %s %s\n' "$platform" "$sum"
done
