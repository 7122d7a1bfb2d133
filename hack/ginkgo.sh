#!/usr/bin/env bash
# ginkgo.sh PACKAGE... runs the ginkgo specs of the packages in PROCS (default 4) parallel processes, each with its own
# control plane, and with the race detector as RACE says (race.sh). Specs mostly wait, so there are more processes than cores.
set -euo pipefail
# shellcheck source=race.sh
source "$(dirname "${BASH_SOURCE[0]}")/race.sh"

# ginkgo does not print what the race detector of a process writes.
races=$(mktemp -d)
trap 'rm -rf "$races"' EXIT
export GORACE="log_path=$races/race"

# client-go panics if an object of a cache is changed in place.
export KUBE_CACHE_MUTATION_DETECTOR=true

# The processes run only the specs: the other tests of the packages need no control plane and run once, by go test. Output is
# not intercepted, because the interceptor's goroutines look like a leak of the manager's.
status=0
"$(dirname "${BASH_SOURCE[0]}")/with-progress.sh" test go tool ginkgo run "${race_flags[@]}" --procs="${PROCS:-4}" \
	--randomize-all --keep-going --no-color --output-interceptor-mode=none --timeout=20m "$@" -- -test.run='^TestSpecs$' || status=$?
find "$races" -type f -exec cat {} + >&2
exit "$status"
