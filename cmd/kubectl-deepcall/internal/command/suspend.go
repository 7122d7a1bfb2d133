package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func newSuspendCommand(c *cluster) *cobra.Command {
	return newSwitch(c, true, &cobra.Command{
		Use:   "suspend NAME...|-l SELECTOR|--all",
		Short: "Have the operator keep its hands off mappings",
		Long: `Have the operator keep its hands off mappings: it makes no call for them, not even when they are deleted, until they
are resumed. In DeepCall all stays as it is; the agents' calls are not stopped.`,
		Example: `  # One mapping
  kubectl deepcall suspend asha

  # The mappings of a team
  kubectl deepcall suspend -l team=night

  # See which it would be
  kubectl deepcall suspend --all --dry-run`,
	}, "suspended")
}

func newResumeCommand(c *cluster) *cobra.Command {
	return newSwitch(c, false, &cobra.Command{
		Use:   "resume NAME...|-l SELECTOR|--all",
		Short: "Have the operator take up suspended mappings again",
		Long:  `Have the operator take up suspended mappings again. What was edited meanwhile is sent to DeepCall.`,
		Example: `  # One mapping
  kubectl deepcall resume asha

  # All of the namespace support
  kubectl deepcall resume --all -n support`,
	}, "resumed")
}

// newSwitch completes a command that sets spec.suspend, and nothing else.
func newSwitch(c *cluster, suspend bool, cmd *cobra.Command, word string) *cobra.Command {
	t := &targets{cluster: c}
	patch := fmt.Appendf(nil, `{"spec":{"suspend":%t}}`, suspend)
	cmd.RunE = func(cmd *cobra.Command, names []string) error { return t.run(cmd.Context(), names, word, patch) }
	t.addFlags(cmd)
	return cmd
}

func (t *targets) run(ctx context.Context, names []string, word string, patch []byte) error {
	if err := t.check(names); err != nil {
		return err
	}
	writer, err := t.client()
	if err != nil {
		return err
	}
	found, missing, err := t.find(ctx, writer, names)
	if err != nil {
		return err
	}
	_, failed := t.patchAll(ctx, writer, found, word, patch)
	return failedSome(failed+missing, len(found)+missing)
}
