// Package release tests hack/verify-pinned.sh and, with the build tag long, the files that make release-artifacts has
// written to dist/release. make release-rehearsal runs the latter.
package release
