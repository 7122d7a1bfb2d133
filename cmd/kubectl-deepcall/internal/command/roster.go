package command

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/roster"
)

type rosterOptions struct {
	*factory
	allNamespaces        bool
	selector, by, output string
	filter               roster.Filter
}

func newRosterCommand(f *factory) *cobra.Command {
	o := &rosterOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Show which agents receive calls for which groups, and what is not in sync",
		Long: `Show which agents receive calls for which groups, and what is not in sync.

RECEIVES is the last state that DeepCall confirmed: yes, no (the agent receives no calls of the group), or - (nothing
was confirmed). DECLARED is the desired state; - means that the mapping no longer declares the group. NOT IN SYNC is the
reason if the two differ; "kubectl deepcall code REASON" shows what to do about it.`,
		Example: `  # Show which agents receive calls, by group
  kubectl deepcall roster

  # Show why agent 7 receives no calls
  kubectl deepcall roster --agent 7

  # Show everything that is not in sync, in all namespaces, with full messages
  kubectl deepcall roster -A --not-in-sync -o wide

  # Export the roster to a spreadsheet
  kubectl deepcall roster -o csv > roster.csv`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Show mappings in all namespaces.")
	flags.StringVarP(&o.selector, "selector", "l", "", "Show only mappings with these labels, such as team=support.")
	flags.StringVar(&o.by, "by", string(roster.ByGroup), "Sort by group or agent.")
	flags.StringVarP(&o.output, "output", "o", "table", "Output format: table, wide, csv or json.")
	flags.StringVar(&o.filter.Agent, "agent", "", "Show only the agent with this ID.")
	flags.StringVar(&o.filter.Group, "group", "", "Show only the group with this ID.")
	flags.BoolVar(&o.filter.NotInSync, "not-in-sync", false, "Show only what is not in sync.")
	registerChoices(cmd, "by", "group", "agent")
	registerChoices(cmd, "output", "table", "wide", "csv", "json")
	return cmd
}

func (o *rosterOptions) run() error {
	if err := o.validate(); err != nil {
		return err
	}
	mappings, err := o.list(o.allNamespaces, o.selector)
	if err != nil {
		return err
	}
	entries := roster.Entries(mappings, roster.SortBy(o.by), o.filter)
	if len(entries) == 0 {
		o.explainEmpty(len(mappings))
	}
	return o.print(entries)
}

func (o *rosterOptions) validate() error {
	if err := validateChoice("by", o.by, "group", "agent"); err != nil {
		return err
	}
	if err := validateChoice("output", o.output, "table", "wide", "csv", "json"); err != nil {
		return err
	}
	return validateSelector(o.selector)
}

// explainEmpty reports why there are no entries: no mappings, or none that match the filter.
func (o *rosterOptions) explainEmpty(mappings int) {
	where := o.inNamespace(o.allNamespaces)
	switch {
	case mappings == 0 && o.selector != "":
		fmt.Fprintf(o.ErrOut, "No mappings with these labels %s.\n", where)
	case mappings == 0:
		fmt.Fprintf(o.ErrOut, "No mappings %s.\n", where)
	case o.filter == roster.Filter{NotInSync: true}:
		fmt.Fprintln(o.ErrOut, "Everything is in sync.")
	default:
		fmt.Fprintf(o.ErrOut, "No match in %s %s; omit --agent, --group and --not-in-sync to show all.\n", count(mappings, "mapping"), where)
	}
}

func (o *rosterOptions) print(entries []roster.Entry) error {
	by := roster.SortBy(o.by)
	switch {
	case o.output == "csv":
		return roster.PrintCSV(o.Out, entries)
	case o.output == "json":
		return roster.PrintJSON(o.Out, by, entries)
	case len(entries) == 0:
		return nil
	}
	table := roster.Table{By: by, ShowNamespace: o.allNamespaces, Wide: o.output == "wide", Now: time.Now()}
	return table.Print(o.Out, entries)
}
