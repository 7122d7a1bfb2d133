# shellcheck shell=bash
# race.sh is sourced. It sets race_flags to -race if the race detector is enabled, and exports CGO_ENABLED to match. RACE
# is on, off or auto; auto enables the race detector if there is a C compiler, which it needs.

has_c_compiler() {
	[[ $(env -u CGO_ENABLED go env CGO_ENABLED) == 1 ]] || return 1
	# shellcheck disable=SC2046 # CC can contain flags
	printf '#include <stdlib.h>\n#include <pthread.h>\n' | $(go env CC) -fsyntax-only -x c - 2>/dev/null
}

case ${RACE:=auto} in
auto)
	RACE=off
	if has_c_compiler; then
		RACE=on
	else
		echo 'test: race detector disabled: no C compiler found' >&2
	fi
	;;
on | off) ;;
*)
	echo "test: invalid RACE=$RACE; must be on, off or auto" >&2
	exit 2
	;;
esac
race_flags=()
export CGO_ENABLED=0
if [[ $RACE == on ]]; then
	race_flags=(-race) CGO_ENABLED=1
fi
