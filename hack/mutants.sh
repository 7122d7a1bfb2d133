#!/usr/bin/env bash
# mutants.sh [NAME...] puts the deliberate defects of hack/mutants, or those named, one at a time
# into a copy of the tree, and expects that the test which each of them names fails. Before that, the
# same test must pass without the defect; with TRUST=1 that is taken for granted. It ends with 1 if a
# defect survives, or can't be put in.
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

# tested TEST runs the test in the copy, and leaves what it said in $copy.log.
log=$copy.log
trap 'rm -rf "$copy" "$log"' EXIT
tested() {
	# shellcheck disable=SC2086 # a test is words
	eval "go test -count=1 -timeout=10m $1" >"$log" 2>&1
}

declare -A passes
table='' survived=0
for name; do
	name=$(basename "$name" .patch)
	patch=$root/hack/mutants/$name.patch
	why=$(sed -n 1p "$patch")
	test=$(sed -n 's/^test: //p' "$patch")
	began=$SECONDS
	if [[ -n ${TRUST:-} ]]; then passes[$test]=yes; fi
	if [[ -z ${passes[$test]:-} ]]; then
		if tested "$test"; then passes[$test]=yes; else passes[$test]=no; tail -n 40 "$log" >&2; fi
	fi
	if [[ ${passes[$test]} == no ]]; then
		verdict='FAILS WITHOUT IT'
	elif ! git apply -C1 "$patch"; then
		verdict='DOES NOT APPLY'
	else
		if ! go build -o /dev/null ./cmd >"$log" 2>&1; then
			verdict='DOES NOT COMPILE'
			tail -n 5 "$log" >&2
		elif tested "$test"; then
			verdict=SURVIVED
		elif ! grep -q -e '--- FAIL' "$log"; then
			verdict='DID NOT RUN'
			tail -n 5 "$log" >&2
		else
			verdict=caught
			grep -E '^ +(I[0-9]|day |[a-z_]+_test\.go.*(got|not|instead))|panic:' "$log" | head -n 3 | cut -c1-200 >&2 || true
		fi
		git apply -R -C1 "$patch"
	fi
	if [[ $verdict != caught ]]; then survived=1; fi
	line=$(printf '%-28s %-17s %4ds  %s' "$name" "$verdict" $((SECONDS - began)) "$why")
	echo "$line"
	table+=$line$'\n'
done
printf '\n%s' "$table"
exit $survived
