#!/usr/bin/env bash
# alive.sh WHAT COMMAND... runs the command and says on stderr every 20 seconds
# that it is still at it. Its output and exit status are the command's.
set -euo pipefail
what=$1
shift

heartbeat() {
	while sleep 20 </dev/null >/dev/null 2>&1; do
		printf '%s: still at it, %dm%02ds\n' "$what" $((SECONDS / 60)) $((SECONDS % 60)) >&2
	done
}
heartbeat </dev/null >/dev/null &
beat=$!
trap 'kill "$beat" 2>/dev/null || true' EXIT

"$@"
