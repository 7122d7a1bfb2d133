package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/roster"
)

// rosterOptions are the flags of roster.
type rosterOptions struct {
	*cluster
	everywhere           bool
	selector, by, output string
	filter               roster.Filter
}

func newRosterCommand(c *cluster) *cobra.Command {
	o := &rosterOptions{cluster: c}
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Show who receives calls for which group, and what is not in sync",
		Long: `Show who receives calls for which group, and what is not in sync.

RECEIVES is what DeepCall last confirmed: yes, no (the agent receives none of the group's calls), or - (nothing was confirmed).
DECLARED is what the mapping asks for; - means that it no longer names the group. Where something is NOT IN SYNC, the
last column says why; "kubectl deepcall code REASON" says what to do about it.`,
		Example: `  # Who receives calls, by group
  kubectl deepcall roster

  # Why does agent 7 get no calls?
  kubectl deepcall roster --agent 7

  # All that is not as declared, of all namespaces, with the messages in full
  kubectl deepcall roster -A --not-in-sync -o wide

  # A table for a spreadsheet
  kubectl deepcall roster -o csv > roster.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.everywhere, "all-namespaces", "A", false, "Show the mappings of all namespaces.")
	flags.StringVarP(&o.selector, "selector", "l", "", "Show only mappings with these labels, such as team=support.")
	flags.StringVar(&o.by, "by", string(roster.ByGroup), "What to order by: group or agent.")
	flags.StringVarP(&o.output, "output", "o", "table", "How to show it: table, wide, csv or json.")
	flags.StringVar(&o.filter.Agent, "agent", "", "Show only the agent with this ID.")
	flags.StringVar(&o.filter.Group, "group", "", "Show only the group with this ID.")
	flags.BoolVar(&o.filter.NotInSync, "not-in-sync", false, "Show only what is not in sync.")
	completes(cmd, "by", "group", "agent")
	completes(cmd, "output", "table", "wide", "csv", "json")
	return cmd
}

func (o *rosterOptions) run(ctx context.Context) error {
	if err := oneOf("by", o.by, "group", "agent"); err != nil {
		return err
	}
	if err := oneOf("output", o.output, "table", "wide", "csv", "json"); err != nil {
		return err
	}
	selector, err := labels.Parse(o.selector)
	if err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	scope, err := o.scope(o.everywhere)
	if err != nil {
		return err
	}
	reader, err := o.client()
	if err != nil {
		return err
	}
	found, err := mappings(ctx, reader, scope, client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return err
	}
	entries := roster.Of(found, roster.By(o.by), o.filter)
	if len(entries) == 0 {
		o.sayEmpty(scope, len(found))
	}
	return o.print(entries)
}

// sayEmpty says which of the two is empty: the cluster, or what the filter leaves of it.
func (o *rosterOptions) sayEmpty(scope client.InNamespace, found int) {
	switch {
	case found == 0 && o.selector != "":
		fmt.Fprintf(o.ErrOut, "No mappings with these labels %s.\n", inScope(scope))
	case found == 0:
		fmt.Fprintf(o.ErrOut, "No mappings %s.\n", inScope(scope))
	case o.filter == roster.Filter{NotInSync: true}:
		fmt.Fprintln(o.ErrOut, "Everything is in sync.")
	default:
		fmt.Fprintf(o.ErrOut, "Nothing matches in the %s %s; without --agent, --group and --not-in-sync all is shown.\n", counted(found, "mapping"), inScope(scope))
	}
}

func (o *rosterOptions) print(entries []roster.Entry) error {
	by := roster.By(o.by)
	switch {
	case o.output == "csv":
		return roster.PrintCSV(o.Out, entries)
	case o.output == "json":
		return roster.PrintJSON(o.Out, by, entries)
	case len(entries) == 0:
		return nil
	}
	table := roster.Table{By: by, Namespaces: o.everywhere, Wide: o.output == "wide", Now: time.Now()}
	return table.Print(o.Out, entries)
}
