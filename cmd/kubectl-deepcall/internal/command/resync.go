package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const requestedAt = v1alpha1.ReconcileRequestedAtAnnotation

type resyncOptions struct {
	targetOptions
	wait    bool
	timeout time.Duration
}

func newResyncCommand(f *factory) *cobra.Command {
	o := &resyncOptions{targetOptions: newTargetOptions(f)}
	cmd := &cobra.Command{
		Use:   "resync NAME...|account/NAME...|-l SELECTOR|--all",
		Short: "Send mappings to DeepCall again",
		Long: `Request that the operator sends mappings to DeepCall again: after someone changed DeepCall by hand, or to retry a
rejected mapping once the cause is fixed in DeepCall. The operator sends one request per mapping.

With account/NAME, all mappings of an account are sent again, in all namespaces. A denied, unreachable or paused account is
retried at once.

With --wait the command waits for DeepCall's response, and fails if a mapping is not Ready afterwards, or if its
account can't be used until someone acts.`,
		Example: `  # Resync one mapping and wait for the result
  kubectl deepcall resync asha --wait

  # Resync all mappings of an account, for example after its credentials were fixed in DeepCall
  kubectl deepcall resync account/acme --wait

  # Resync the mappings of a team
  kubectl deepcall resync -l team=night

  # Resync all mappings in all namespaces
  kubectl deepcall resync --all -A`,
		RunE: func(cmd *cobra.Command, names []string) error { return o.run(cmd.Context(), names) },
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait for DeepCall's response for each mapping.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "With --wait, the maximum time to wait for all mappings.")
	return cmd
}

func (o *resyncOptions) run(ctx context.Context, names []string) error {
	if err := o.validate(names); err != nil {
		return err
	}
	switch {
	case o.wait && o.dryRun != "none":
		return fmt.Errorf("--wait and --dry-run=%s are mutually exclusive", o.dryRun)
	case o.wait && !o.output.isOneOf(""):
		return errors.New("--wait and --output are mutually exclusive")
	}
	accounts, mappings := splitAccounts(names)
	found, missing, err := o.findAccounts(accounts)
	if err != nil {
		return err
	}
	if len(mappings) > 0 || len(accounts) == 0 {
		more, missingMappings, err := o.find(mappings)
		if err != nil {
			return err
		}
		found, missing = append(found, more...), missing+missingMappings
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, requestedAt, time.Now().UTC().Format(time.RFC3339Nano))
	requested, failed := o.patchAll(found, "resync requested", patch)
	failed += missing
	total := len(found) + missing
	if o.wait {
		failed += o.waitForAll(ctx, requested)
	} else {
		o.warnSuspended(requested)
	}
	noun := "mapping"
	if len(accounts) > 0 {
		noun = "object"
	}
	return failedError(failed, total, noun)
}

func (o *resyncOptions) warnSuspended(requested []*resource.Info) {
	for _, info := range requested {
		if mapping, ok := info.Object.(*v1alpha1.AgentGroupMapping); ok && mapping.Spec.Suspend {
			fmt.Fprintf(o.ErrOut, "warning: %s is suspended and is not sent until it is resumed: kubectl deepcall resume %s -n %s\n",
				o.displayName(info), info.Name, info.Namespace)
		}
	}
}
