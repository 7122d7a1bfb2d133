#!/usr/bin/env bash
# with-progress.sh NAME COMMAND... runs the command and prints a progress line with NAME to stderr every 20 seconds.
# Output and exit status are those of the command.
set -euo pipefail
name=$1
shift

report_progress() {
	while sleep 20 </dev/null >/dev/null 2>&1; do
		printf '%s: still running, %dm%02ds\n' "$name" $((SECONDS / 60)) $((SECONDS % 60)) >&2
	done
}
report_progress </dev/null >/dev/null &
reporter=$!
trap 'kill "$reporter" 2>/dev/null || true' EXIT

"$@"
