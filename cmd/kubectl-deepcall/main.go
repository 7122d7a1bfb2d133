// Command kubectl-deepcall is the kubectl plugin of the DeepCall operator: kubectl deepcall.
package main

import (
	"os"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/command"
)

// Stamped by the linker, as the Makefile does. Without it, Go tells what it knows of the source.
var version, revision string

func main() {
	os.Exit(command.Run(os.Args[1:], command.Build{Version: version, Revision: revision}, os.Stdin, os.Stdout, os.Stderr))
}
