package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Stamped by the linker, as hack/build.sh does. Without it, Go tells what it knows of the source.
var version, revision string

// build tells which source the manager was built from.
type build struct {
	version, revision, goVersion string
}

func (b build) String() string {
	return fmt.Sprintf("deepcall-operator %s (revision %s, %s %s/%s)", b.version, b.revision, b.goVersion, runtime.GOOS, runtime.GOARCH)
}

// thisBuild reads what the linker and Go's own stamp tell.
func thisBuild() build {
	b := build{version: version, revision: revision, goVersion: runtime.Version()}
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
