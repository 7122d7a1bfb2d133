package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is stamped by the linker: -X main.version=v0.1.0. Without it, it is what Go knows of the source.
var version string

// build tells which source the manager was built from.
type build struct {
	version, revision, goVersion string
}

func (b build) String() string {
	return fmt.Sprintf("deepcall-operator %s (revision %s, %s %s/%s)", b.version, b.revision, b.goVersion, runtime.GOOS, runtime.GOARCH)
}

// thisBuild reads what the linker and Go's own stamp tell.
func thisBuild() build {
	b := build{version: version, revision: "unknown", goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.version == "" {
		b.version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			b.revision = setting.Value
		}
	}
	return b
}
