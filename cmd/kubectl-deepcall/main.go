// Command kubectl-deepcall is the kubectl plugin of the DeepCall operator: kubectl deepcall.
package main

import (
	"os"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/command"
)

// version and revision are set by the linker (see the Makefile). If they are empty, Go's build information is used.
var version, revision string

func main() {
	os.Exit(command.Run(os.Args[1:], command.Build{Version: version, Revision: revision}, os.Stdin, os.Stdout, os.Stderr))
}
