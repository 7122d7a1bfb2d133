#!/usr/bin/env bash
# mutants.sh [NAME...] verifies that the tests detect the deliberate defects (mutants) of hack/mutants, or the named
# ones. It applies one mutant at a time to a copy of the tree and expects the test that the mutant names to fail. The
# same test must pass without the mutant; TRUST=1 skips this check. It fails if a mutant survives or doesn't apply.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export KUBEBUILDER_ASSETS=${KUBEBUILDER_ASSETS:-$root/bin/k8s} CGO_ENABLED=0
export KUBEBUILDER_CONTROLPLANE_START_TIMEOUT=${KUBEBUILDER_CONTROLPLANE_START_TIMEOUT:-3m}

if (($# == 0)); then
	set -- hack/mutants/*.patch
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
	if [[ -e $file ]]; then printf '%s\0' "$file"; fi
done | tar --null --files-from=- -c | tar -x -C "$copy"
cd "$copy"

# run_test TEST runs the test in the copy and writes its output to $copy.log.
log=$copy.log
trap 'rm -rf "$copy" "$log"' EXIT
run_test() {
	# shellcheck disable=SC2086 # a test is several arguments
	eval "go test -count=1 -timeout=10m $1" >"$log" 2>&1
}

declare -A passes
table='' survived=0
for name; do
	name=$(basename "$name" .patch)
	patch=$root/hack/mutants/$name.patch
	defect=$(sed -n 1p "$patch")
	test=$(sed -n 's/^test: //p' "$patch")
	start=$SECONDS
	if [[ -n ${TRUST:-} ]]; then passes[$test]=yes; fi
	if [[ -z ${passes[$test]:-} ]]; then
		if run_test "$test"; then passes[$test]=yes; else passes[$test]=no; tail -n 40 "$log" >&2; fi
	fi
	if [[ ${passes[$test]} == no ]]; then
		result='BASELINE FAILS'
	elif ! git apply -C1 "$patch"; then
		result='DOES NOT APPLY'
	else
		if ! go build -o /dev/null ./cmd >"$log" 2>&1; then
			result='DOES NOT COMPILE'
			tail -n 5 "$log" >&2
		elif run_test "$test"; then
			result=SURVIVED
		elif ! grep -q -e '--- FAIL' "$log"; then
			result='DID NOT RUN'
			tail -n 5 "$log" >&2
		else
			result=caught
			grep -E '^ +(I[0-9]|day |[a-z_]+_test\.go.*(got|not|instead))|panic:' "$log" | head -n 3 | cut -c1-200 >&2 || true
		fi
		git apply -R -C1 "$patch"
	fi
	if [[ $result != caught ]]; then survived=1; fi
	line=$(printf '%-28s %-17s %4ds  %s' "$name" "$result" $((SECONDS - start)) "$defect")
	echo "$line"
	table+=$line$'\n'
done
printf '\n%s' "$table"
exit $survived
