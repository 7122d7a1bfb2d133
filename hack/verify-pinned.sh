#!/usr/bin/env bash
# verify-pinned.sh [DIRECTORY] verifies that each action of the workflows is pinned to a commit, and each base image of the
# Dockerfile to a digest: a tag can be moved to other code. The release workflow runs it first.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

readonly commit='@[0-9a-f]{40}$' digest='@sha256:[0-9a-f]{64}$'
actions=0 images=0 status=0

fail() {
	printf '%s\n' "$*" >&2
	status=1
}

# Lines such as "- uses: actions/checkout@0123 # v7". Actions of this repository have no version.
while IFS=: read -r file line text; do
	[[ $text =~ uses[\"\']?:\ *[\"\']?([^\"\',}\ ]+) ]]
	reference=${BASH_REMATCH[1]}
	actions=$((actions + 1))
	case $reference in
	./*) ;;
	docker://*) [[ $reference =~ $digest ]] || fail "$file:$line: $reference is not pinned to a digest" ;;
	*) [[ $reference =~ $commit ]] || fail "$file:$line: $reference is not pinned to a commit" ;;
	esac
done < <(grep -rnE '^[^#]*\buses["'\'']?: ' .github --include='*.yml' --include='*.yaml')

# Lines such as "FROM --platform=linux/amd64 golang:1.26@sha256:0123 AS build". A stage can build on former ones.
stages=' scratch '
while IFS=: read -r line text; do
	read -ra words <<<"$text"
	image=${words[1]}
	if [[ $image == --* ]]; then image=${words[2]}; fi
	images=$((images + 1))
	if [[ $stages != *" $image "* && ! $image =~ $digest ]]; then
		fail "Dockerfile:$line: $image is not pinned to a digest"
	fi
	if [[ ${words[-2],,} == as ]]; then stages+="${words[-1]} "; fi
done < <(grep -niE '^ *FROM ' Dockerfile)

((actions > 0)) || fail 'found no action in .github'
((images > 0)) || fail 'found no base image in Dockerfile'
exit "$status"
