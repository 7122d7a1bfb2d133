package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// oneOf refuses a flag's value that is none of those.
func oneOf(flag, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("--%s can't be %q: choose one of %s", flag, value, strings.Join(values, ", "))
}

// completes tells the shell's completion which values a flag has.
func completes(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // there is no such flag: a mistake of ours that no run passes by
	}
}

// dryRunNote is what kubectl adds to what it says.
func dryRunNote(dryRun string) string {
	if dryRun == "server" {
		return " (server dry run)"
	}
	return ""
}
