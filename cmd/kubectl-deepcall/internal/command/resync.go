package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const requestedAt = v1alpha1.ReconcileRequestedAtAnnotation

// resyncOptions are the flags of resync.
type resyncOptions struct {
	targets
	wait    bool
	timeout time.Duration
}

func newResyncCommand(c *cluster) *cobra.Command {
	o := &resyncOptions{targets: targets{cluster: c}}
	cmd := &cobra.Command{
		Use:   "resync NAME...|-l SELECTOR|--all",
		Short: "Have the operator send mappings to DeepCall again, now",
		Long: `Have the operator send mappings to DeepCall again, now: after something was changed in DeepCall by hand, or to try again
what DeepCall refused once its cause is mended there. It makes one call for each mapping.

With --wait the command comes back when DeepCall answered, and fails if a mapping is not Ready then.`,
		Example: `  # One mapping, and wait for the answer
  kubectl deepcall resync asha --wait

  # The mappings of a team
  kubectl deepcall resync -l team=night

  # All of all namespaces
  kubectl deepcall resync --all -A`,
		RunE: func(cmd *cobra.Command, names []string) error { return o.run(cmd.Context(), names) },
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until DeepCall answered for each mapping.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "With --wait, how long to wait at most for all of them.")
	return cmd
}

func (o *resyncOptions) run(ctx context.Context, names []string) error {
	if err := o.check(names); err != nil {
		return err
	}
	if o.wait && o.dryRun != "none" {
		return fmt.Errorf("--wait and --dry-run=%s exclude each other: a dry run asks for nothing that could be waited for", o.dryRun)
	}
	writer, err := o.client()
	if err != nil {
		return err
	}
	found, missing, err := o.find(ctx, writer, names)
	if err != nil {
		return err
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, requestedAt, time.Now().UTC().Format(time.RFC3339Nano))
	asked, failed := o.patchAll(ctx, writer, found, "resync requested", patch)
	failed += missing
	if o.wait {
		failed += o.waitForAll(ctx, writer, asked)
	} else {
		o.warnOfSuspended(asked)
	}
	return failedSome(failed, len(found)+missing)
}

// warnOfSuspended tells of requests that wait.
func (o *resyncOptions) warnOfSuspended(asked []v1alpha1.AgentGroupMapping) {
	for i := range asked {
		if asked[i].Spec.Suspend {
			fmt.Fprintf(o.ErrOut, "warning: %s is suspended; it is sent once you resume it: kubectl deepcall resume %s -n %s\n",
				o.name(&asked[i]), asked[i].Name, asked[i].Namespace)
		}
	}
}
