# shellcheck shell=bash
# kubernetes-build.sh is sourced. It builds Kubernetes binaries from Go modules, and reports the progress.

log() { printf 'control-plane: %s\n' "$*" >&2; }
elapsed() { printf '%dm%02ds' $(((SECONDS - $1) / 60)) $(((SECONDS - $1) % 60)); }

readonly progress_interval=15 # seconds between progress messages

# start OUTPUT LOG COMMAND... runs the command in the background. It has its own process group, so that stop_child ends
# all of its processes.
child=''
start() {
	set -m
	"${@:3}" >"$1" 2>"$2" </dev/null &
	child=$!
	set +m
}

child_running() { kill -0 "$child" 2>/dev/null; }

# wait_child waits for the child and returns its exit status.
wait_child() {
	local status=0
	wait "$child" || status=$?
	child=''
	return "$status"
}

stop_child() {
	if [[ -n $child ]]; then
		kill "-$1" -- "-$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
		child=''
	fi
}

# build_kubernetes MODULE VERSION OUTPUT PACKAGE... builds the packages from the directory MODULE. It logs the share of
# the packages that are compiled, and the output of go build if that fails. It uses $work/log.
build_kubernetes() {
	local module=$1 version=$2 output=$3 started=$SECONDS reported=$SECONDS symbols=k8s.io/component-base/version
	local -x GOOS='' GOARCH='' CGO_ENABLED=0 GOWORK=off
	local major minor flags packages
	shift 3
	IFS=. read -r major minor _ <<<"${version#v}"
	# Without debug information, the build takes a sixth less time. The Makefile's builds use the same compiler flags and
	# module versions, so they reuse the packages compiled here.
	flags=(-buildvcs=false -mod=readonly -gcflags=all=-dwarf=false
		-ldflags "-s -w -X $symbols.gitVersion=$version -X $symbols.gitMajor=$major -X $symbols.gitMinor=$minor" -o "$output")

	# A dry run downloads the modules, and prints a command for each package that is not in the build cache.
	go build -C "$module" -n "${flags[@]}" "$@" >"$work/log" 2>&1 || build_failed "$started" || return 1
	packages=$(grep -c '/compile ' "$work/log" || true)
	start /dev/null "$work/log" go build -C "$module" -v "${flags[@]}" "$@"
	while child_running; do
		sleep 1
		if ((SECONDS - reported >= progress_interval)); then
			reported=$SECONDS
			log "building: $(progress "$(grep -vc '^go: ' "$work/log")" "$packages" $((SECONDS - started)))"
		fi
	done
	wait_child || build_failed "$started" || return 1
	log "built in $(elapsed "$started")"
}

# build_failed STARTED logs the end of $work/log, and returns 1.
build_failed() {
	log "the build failed after $(elapsed "$1"):"
	tail -n 30 "$work/log" >&2
	return 1
}

# progress COMPILED PACKAGES TIME prints the share of the packages that are compiled after TIME seconds, and the time left,
# once the share is large enough to compute it.
progress() {
	if (($1 == 0 || 20 * $1 < $2 || $1 > $2)); then
		printf '%dm%02ds' $(($3 / 60)) $(($3 % 60))
		return
	fi
	local left=$((($2 - $1) * $3 / $1))
	printf '%d%% after %dm%02ds, %dm%02ds left' $((100 * $1 / $2)) $(($3 / 60)) $(($3 % 60)) $((left / 60)) $((left % 60))
}
