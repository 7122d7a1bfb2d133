#!/usr/bin/env bash
# Verifies that the manager and the kubectl plugin call no code with a known vulnerability, in their modules and in the
# standard library of the Go version in the Dockerfile, which releases are built with. VULNDB=pinned uses the database
# of the version in hack/deploy/go.mod, which makes the result reproducible; another value is the URL of a database.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source=${VULNDB:-pinned}
database=$source
if [[ $source == pinned ]]; then
	source=$(go list -C hack/deploy -m golang.org/x/vulndb)
	go mod download -C hack/deploy golang.org/x/vulndb
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	bin/indexdb -vulns "$(go list -C hack/deploy -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out "$work"
	database=file://$work
fi

go=''
while IFS='= ' read -r instruction name value; do
	if [[ $instruction == ARG && $name == GO_VERSION ]]; then go=go$value; fi
done <Dockerfile
if [[ -z $go ]]; then
	echo 'vulncheck: no GO_VERSION in the Dockerfile' >&2
	exit 1
fi
echo "vulncheck: checking ./cmd/... built with $go against $source"
GOVERSION=$go bin/govulncheck -db "$database" ./cmd/...
