#!/usr/bin/env bash
# pre-commit.sh runs what is quick of .ci/run, by the same targets of make: the linters, that generated files
# are up to date, and the tests that need no control plane. `make hooks` has git run it before each
# commit. It looks at the folder as it stands, and says so if that is not what is committed.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
# A hook of git is told of its repository; what is run from here must not take it for another one.
# shellcheck disable=SC2046 # names of variables
unset $(git rev-parse --local-env-vars)

if ! git diff --quiet || [[ -n $(git ls-files --others --exclude-standard) ]]; then
	echo 'pre-commit: there are changes that are not staged; they are checked too' >&2
fi
for target in lint check-generated test-unit; do
	began=$SECONDS
	if ! make --no-print-directory "$target"; then
		echo "pre-commit: make $target failed; git commit --no-verify commits all the same" >&2
		exit 1
	fi
	echo "pre-commit: make $target: ok, $((SECONDS - began)) s" >&2
done
