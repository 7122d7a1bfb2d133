#!/usr/bin/env bash
# go-test.sh ARGUMENT... runs go test with these arguments. It enables the race detector if there is a C compiler, which
# the race detector needs, and disables cgo otherwise. RACE=on or RACE=off overrides this.
set -euo pipefail

has_c_compiler() {
	[[ $(go env CGO_ENABLED) == 1 ]] || return 1
	# shellcheck disable=SC2046 # CC can contain flags
	printf '#include <stdlib.h>\n#include <pthread.h>\n' | $(go env CC) -fsyntax-only -x c - 2>/dev/null
}

race=${RACE:-auto}
if [[ $race == auto ]]; then
	race=off
	if has_c_compiler; then
		race=on
	else
		echo 'test: race detector disabled: no C compiler found' >&2
	fi
fi
case $race in
on) export CGO_ENABLED=1 flags=-race ;;
off) export CGO_ENABLED=0 flags='' ;;
*)
	echo "test: invalid RACE=$race; must be on, off or auto" >&2
	exit 2
	;;
esac

# shellcheck disable=SC2086 # empty flags must not become an argument
exec "$(dirname "${BASH_SOURCE[0]}")/with-progress.sh" 'test' go test $flags -count=1 -shuffle=on -timeout=20m "$@"
