#!/usr/bin/env bash
# go-test.sh ARGUMENT... runs go test with these arguments: with the race detector
# if there is a C compiler, else without cgo, which needs nothing but Go.
# RACE=on or RACE=off decides instead.
set -euo pipefail

c_compiler() {
	[[ $(go env CGO_ENABLED) == 1 ]] || return 1
	# shellcheck disable=SC2046 # CC may hold flags
	printf '#include <stdlib.h>\n#include <pthread.h>\n' | $(go env CC) -fsyntax-only -x c - 2>/dev/null
}

race=${RACE:-auto}
if [[ $race == auto ]]; then
	race=off
	if c_compiler; then
		race=on
	else
		echo 'test: there is no C compiler, so the race detector is off' >&2
	fi
fi
case $race in
on) export CGO_ENABLED=1 flags=-race ;;
off) export CGO_ENABLED=0 flags='' ;;
*)
	echo "test: RACE=$race is neither on, off nor auto" >&2
	exit 2
	;;
esac

# shellcheck disable=SC2086 # no flag, no argument
exec "$(dirname "${BASH_SOURCE[0]}")/alive.sh" 'test' go test $flags -count=1 -shuffle=on -timeout=20m "$@"
