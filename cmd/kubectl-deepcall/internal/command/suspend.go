package command

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/utils/ptr"
)

func newSuspendCommand(f *factory) *cobra.Command {
	return completeSuspendCommand(f, true, "suspended", &cobra.Command{
		Use:   "suspend NAME...|-l SELECTOR|--all",
		Short: "Stop the operator from sending requests for mappings",
		Long: `Stop the operator from sending requests for mappings, even if they are deleted, until they are resumed. The state in
DeepCall does not change, so the agents' calls are not stopped.`,
		Example: `  # Suspend one mapping
  kubectl deepcall suspend asha

  # Suspend the mappings of a team
  kubectl deepcall suspend -l team=night

  # List the mappings that would be suspended
  kubectl deepcall suspend --all --dry-run`,
	})
}

func newResumeCommand(f *factory) *cobra.Command {
	return completeSuspendCommand(f, false, "resumed", &cobra.Command{
		Use:   "resume NAME...|-l SELECTOR|--all",
		Short: "Resume suspended mappings",
		Long:  `Resume suspended mappings. The operator sends the changes that were made in the meantime.`,
		Example: `  # Resume one mapping
  kubectl deepcall resume asha

  # Resume all mappings in namespace support
  kubectl deepcall resume --all -n support`,
	})
}

// completeSuspendCommand completes a command that sets spec.suspend.
func completeSuspendCommand(f *factory, suspend bool, operation string, cmd *cobra.Command) *cobra.Command {
	o := ptr.To(newTargetOptions(f))
	patch := fmt.Appendf(nil, `{"spec":{"suspend":%t}}`, suspend)
	cmd.RunE = func(_ *cobra.Command, names []string) error { return o.run(names, operation, patch) }
	o.addFlags(cmd)
	return cmd
}

func (o *targetOptions) run(names []string, operation string, patch []byte) error {
	if err := o.validate(names); err != nil {
		return err
	}
	found, missing, err := o.find(names)
	if err != nil {
		return err
	}
	_, failed := o.patchAll(found, operation, patch)
	return failedError(failed+missing, len(found)+missing, "mapping")
}
