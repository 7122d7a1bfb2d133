#!/usr/bin/env bash
# pre-commit.sh runs the quick checks of .ci/run: the linters, verify-generated, and the tests that need no control
# plane. `make install-hooks` installs it as git's pre-commit hook. It checks the working tree, not the index, and
# prints a warning if they differ.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
# git sets variables such as GIT_DIR for a hook. Unset them, because the checks run git in other directories.
# shellcheck disable=SC2046 # a list of variable names
unset $(git rev-parse --local-env-vars)

if ! git diff --quiet || [[ -n $(git ls-files --others --exclude-standard) ]]; then
	echo 'pre-commit: checking unstaged changes and untracked files, too' >&2
fi
for target in lint verify-generated test-unit; do
	began=$SECONDS
	if ! make --no-print-directory "$target"; then
		echo "pre-commit: make $target failed; git commit --no-verify skips this check" >&2
		exit 1
	fi
	echo "pre-commit: make $target: ok, $((SECONDS - began)) s" >&2
done
