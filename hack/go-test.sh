#!/usr/bin/env bash
# go-test.sh ARGUMENT... runs go test with these arguments, and with the race detector as RACE says (race.sh).
set -euo pipefail
# shellcheck source=race.sh
source "$(dirname "${BASH_SOURCE[0]}")/race.sh"

exec "$(dirname "${BASH_SOURCE[0]}")/with-progress.sh" test go test "${race_flags[@]}" -count=1 -shuffle=on -timeout=20m "$@"
