package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// validateChoice returns an error unless a flag has one of the given values.
func validateChoice(flag, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("invalid --%s %q: must be one of %s", flag, value, strings.Join(values, ", "))
}

// registerChoices registers the shell completion of a flag.
func registerChoices(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not defined
	}
}
