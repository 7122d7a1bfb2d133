#!/usr/bin/env bash
# Looks for known vulnerabilities in the code that the manager and the kubectl plugin call: of their modules, and
# of the Go that the Dockerfile names, which a release is built with, whatever Go is on this machine. VULNDB=pinned
# takes the database of the version in hack/deploy/go.mod, so that the outcome depends on nothing outside; another
# value is the address of a database.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

against=${VULNDB:-pinned}
database=$against
if [[ $against == pinned ]]; then
	against=$(go list -C hack/deploy -m golang.org/x/vulndb)
	go mod download -C hack/deploy golang.org/x/vulndb
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	bin/indexdb -vulns "$(go list -C hack/deploy -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out "$work"
	database=file://$work
fi

go=''
while IFS='= ' read -r word name value; do
	if [[ $word == ARG && $name == GO_VERSION ]]; then go=go$value; fi
done <Dockerfile
if [[ -z $go ]]; then
	echo 'vulncheck: the Dockerfile names no GO_VERSION' >&2
	exit 1
fi
echo "vulncheck: the manager and the plugin, as built with $go, against $against"
GOVERSION=$go bin/govulncheck -db "$database" ./cmd/...
