package command

import (
	"errors"

	"github.com/spf13/cobra"
)

// errNotOK is returned if the result is not as it should be. The output and the exit status 1 report it, without a message.
var errNotOK = errors.New("the result is not OK")

// exitStatusFlag makes a command report its result in the exit status.
const exitStatusFlag = "exit-status"

// resultInExitStatus is the annotation of commands that always do.
var resultInExitStatus = map[string]string{"exit-status-is-result": "true"}

// exitStatus returns the exit status of a command. As in kubectl diff, it is more than 1 for an error if 1 is a result.
func exitStatus(cmd *cobra.Command, err error) int {
	flag := cmd.Flag(exitStatusFlag)
	isResult := cmd.Annotations["exit-status-is-result"] != "" || flag != nil && flag.Value.String() == "true"
	switch {
	case err == nil:
		return 0
	case isResult && !errors.Is(err, errNotOK):
		return 2
	default:
		return 1
	}
}
