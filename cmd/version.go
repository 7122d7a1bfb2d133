package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and revision are set by the linker (see hack/build.sh and the Makefile). If they are empty, Go's build information is used.
var version, revision string

// buildInfo identifies the source that the manager was built from.
type buildInfo struct {
	version, revision, goVersion string
}

func (b buildInfo) String() string {
	return fmt.Sprintf("deepcall-operator %s (revision %s, %s %s/%s)", b.version, b.revision, b.goVersion, runtime.GOOS, runtime.GOARCH)
}

func readBuildInfo() buildInfo {
	b := buildInfo{version: version, revision: revision, goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.version = cmp.Or(b.version, info.Main.Version)
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			b.revision = cmp.Or(b.revision, setting.Value)
		}
	}
	b.revision = cmp.Or(b.revision, "unknown")
	return b
}
