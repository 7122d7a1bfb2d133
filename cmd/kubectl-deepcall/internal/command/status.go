package command

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/status"
)

type statusOptions struct {
	*factory
	output *outputFlags
	watch  bool
}

func newStatusCommand(f *factory) *cobra.Command {
	o := &statusOptions{factory: f, output: newOutputFlags("")}
	cmd := &cobra.Command{
		Use:         "status NAME",
		Annotations: resultInExitStatus,
		Short:       "Show everything about one mapping: the reason, the remedy, and what happens next",
		Long: `Show everything about one mapping: whether it is Ready, what the reason means and who acts, its account, its groups, the
agent's other mappings, the last response from DeepCall, roughly when the next request is due, and recent events.

DESIRED is what the mapping declares, APPLIED what DeepCall last confirmed, and PENDING what remains to be done. The role
view is enough; what could not be read is listed.

The exit status is 0 only if the mapping and its account are Ready and all groups are in sync, 1 if not, and 2 if there is
an error. An account that could not be read does not count.`,
		Example: `  # Show why an agent receives no calls; "kubectl deepcall roster --agent 7" lists its mappings
  kubectl deepcall status asha

  # Show the status again after each change
  kubectl deepcall status asha --watch

  # Print the remedy only
  kubectl deepcall status asha -o jsonpath='{.state.remedy}'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("specify a mapping; kubectl deepcall roster --agent ID lists an agent's mappings")
			}
			return nil
		},
		ValidArgsFunction: f.completeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Show the status again after each change, until interrupted.")
	o.output.addFlags(cmd)
	return cmd
}

func (o *statusOptions) run(ctx context.Context, name string) error {
	if err := o.output.validate(); err != nil {
		return err
	}
	if o.watch && !o.output.isOneOf("") {
		return errors.New("--watch and --output are mutually exclusive")
	}
	names, err := bareNames([]string{name})
	if err != nil {
		return err
	}
	in, err := o.read(ctx, names[0])
	if err != nil {
		return err
	}
	if o.watch {
		return o.follow(ctx, in.Mapping)
	}
	if err := o.print(in); err != nil {
		return err
	}
	if !status.New(in).OK {
		return errNotOK
	}
	return nil
}

func (o *statusOptions) print(in status.Input) error {
	switch {
	case o.output.isOneOf(""):
		return status.Print(o.Out, status.New(in), in.Now)
	case o.output.isOneOf("name"):
		return o.output.printObject(o.Out, in.Mapping)
	default:
		return o.output.printDocument(o.Out, status.New(in))
	}
}

// follow prints the status, and prints it again whenever the mapping, the agent's other mappings in its namespace or its account
// change.
func (o *statusOptions) follow(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	watched := []objects{{resource: mappingsResource, kind: &v1alpha1.AgentGroupMapping{}, namespace: mapping.Namespace, fields: "spec.agentID=" + mapping.Spec.AgentID}}
	if key := mapping.AccountKey(); key.Namespace == mapping.Namespace {
		watched = append(watched, objects{resource: accountsResource, kind: &v1alpha1.DeepCallAccount{}, namespace: key.Namespace, fields: "metadata.name=" + key.Name})
	}
	return o.showChanges(ctx, watched, func(ctx context.Context, _ []cache.Store) (screen, error) {
		in, err := o.read(ctx, mapping.Name)
		if err != nil {
			return screen{}, err
		}
		report := status.New(in)
		var text strings.Builder
		if err := status.Print(&text, report, in.Now); err != nil {
			return screen{}, err
		}
		report.Next.Due, report.Next.Text = nil, "" // these change with time
		content, err := json.Marshal(report)
		return screen{text: text.String(), content: string(content)}, err
	})
}
