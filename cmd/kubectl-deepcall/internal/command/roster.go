package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/roster"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

type rosterOptions struct {
	*factory
	output            *outputFlags
	allNamespaces     bool
	selector, by      string
	summary           bool
	filter            roster.Filter
	watch, exitStatus bool
}

func newRosterCommand(f *factory) *cobra.Command {
	o := &rosterOptions{factory: f, output: newOutputFlags("table", "wide", "csv", "html")}
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

  # Count the agents that receive calls, by group
  kubectl deepcall roster --summary

  # Write a page for people without kubectl
  kubectl deepcall roster -A -o html > roster.html

  # Export the roster to a spreadsheet
  kubectl deepcall roster -o csv > roster.csv

  # Fail if anything of a team is not in sync, for example in CI
  kubectl deepcall roster -l team=night --exit-status

  # Resync the mappings that are not in sync
  kubectl deepcall roster --not-in-sync -o name | xargs -r kubectl deepcall resync`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Show mappings in all namespaces.")
	flags.StringVarP(&o.selector, "selector", "l", "", "Show only mappings with these labels, such as team=support.")
	flags.StringVar(&o.by, "by", string(roster.ByGroup), "Sort by group or agent.")
	flags.BoolVar(&o.summary, "summary", false, "Count the agents that receive calls, by group. --agent, --group and --not-in-sync select the groups; the mappings that -A or -n and -l select count.")
	flags.StringVar(&o.filter.Agent, "agent", "", "Show only the agent with this ID.")
	flags.StringVar(&o.filter.Group, "group", "", "Show only the group with this ID.")
	flags.BoolVar(&o.filter.NotInSync, "not-in-sync", false, "Show only what is not in sync.")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Show the roster again after each change, until interrupted.")
	flags.BoolVar(&o.exitStatus, exitStatusFlag, false, "Exit with status 1 if anything shown is not in sync, and with 2 if there is an error.")
	registerChoices(cmd, "by", "group", "agent")
	o.output.addFlags(cmd)
	return cmd
}

func (o *rosterOptions) run(ctx context.Context) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.watch {
		return o.follow(ctx)
	}
	mappings, err := o.list(o.allNamespaces, o.selector)
	if err != nil {
		return err
	}
	entries := roster.Entries(mappings, roster.SortBy(o.by), o.filter)
	if len(entries) == 0 {
		o.explainEmpty(len(mappings))
	}
	if err := o.print(o.Out, mappings, entries); err != nil {
		return err
	}
	if o.exitStatus && slices.ContainsFunc(entries, func(e roster.Entry) bool { return !e.InSync }) {
		return errNotOK
	}
	return nil
}

// follow prints the roster, and prints it again whenever it changes.
func (o *rosterOptions) follow(ctx context.Context) error {
	namespace, err := o.namespace()
	if err != nil {
		return err
	}
	if o.allNamespaces {
		namespace = metav1.NamespaceAll
	}
	watched := objects{resource: mappingsResource, kind: &v1alpha1.AgentGroupMapping{}, namespace: namespace, labels: o.selector}
	return o.showChanges(ctx, []objects{watched}, func(_ context.Context, stores []cache.Store) (screen, error) {
		var mappings []*v1alpha1.AgentGroupMapping
		for _, object := range stores[0].List() {
			mappings = append(mappings, object.(*v1alpha1.AgentGroupMapping))
		}
		var text strings.Builder
		err := o.print(&text, mappings, roster.Entries(mappings, roster.SortBy(o.by), o.filter))
		shown := cmp.Or(text.String(), "Nothing to show now.\n")
		return screen{text: shown, content: shown}, err
	})
}

func (o *rosterOptions) validate() error {
	if err := validateChoice("by", o.by, "group", "agent"); err != nil {
		return err
	}
	if err := o.output.validate(); err != nil {
		return err
	}
	if o.watch && (!o.output.isOneOf("table", "wide") || o.exitStatus) {
		return errors.New("--watch requires -o table or wide, and excludes --exit-status")
	}
	if o.summary {
		return o.validateSummary()
	}
	return validateSelector(o.selector)
}

func (o *rosterOptions) validateSummary() error {
	switch {
	case o.output.isOneOf("wide", "html", "name"):
		return errors.New("--summary requires -o table, csv, or a format of kubectl other than name")
	case o.by != string(roster.ByGroup):
		return errors.New("--summary requires --by=group")
	case o.watch || o.exitStatus:
		return errors.New("--summary excludes --watch and --exit-status")
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
		fmt.Fprintf(o.ErrOut, "No match in %s %s; omit --agent, --group and --not-in-sync to show all.\n", text.Count(mappings, "mapping"), where)
	}
}

func (o *rosterOptions) print(w io.Writer, mappings []*v1alpha1.AgentGroupMapping, entries []roster.Entry) error {
	by := roster.SortBy(o.by)
	switch {
	case o.summary:
		return o.printSummary(w, roster.Summarize(mappings, o.filter))
	case o.output.isOneOf("html"):
		page := roster.Page{By: by, Scope: o.scope(), Partial: !o.allNamespaces || o.selector != "", Now: time.Now()}
		return page.Print(w, entries, roster.Summarize(mappings, o.filter))
	case o.output.isOneOf("csv"):
		return roster.PrintCSV(w, entries, o.filter)
	case o.output.isOneOf("name"):
		return o.printNames(w, entries)
	case !o.output.isOneOf("table", "wide"):
		return o.output.printDocument(w, roster.NewDocument(by, entries))
	case len(entries) == 0:
		return nil
	}
	table := roster.Table{By: by, ShowNamespace: o.allNamespaces, Wide: o.output.isOneOf("wide"), Now: time.Now()}
	return table.Print(w, entries)
}

// printNames prints the name of each mapping once.
func (o *rosterOptions) printNames(w io.Writer, entries []roster.Entry) error {
	printed := map[[2]string]bool{}
	for _, e := range entries {
		id := [2]string{e.Namespace, e.Mapping}
		if printed[id] {
			continue
		}
		printed[id] = true
		mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Mapping}}
		if err := o.output.printObject(w, mapping); err != nil {
			return err
		}
	}
	return nil
}

func (o *rosterOptions) printSummary(w io.Writer, groups []roster.GroupSummary) error {
	switch {
	case o.output.isOneOf("csv"):
		return roster.PrintSummaryCSV(w, groups)
	case !o.output.isOneOf("table"):
		return o.output.printDocument(w, roster.NewSummaryDocument(groups))
	case len(groups) == 0:
		return nil
	}
	return roster.PrintSummary(w, groups)
}

// scope describes which mappings and entries the roster contains.
func (o *rosterOptions) scope() string {
	parts := []string{"all namespaces"}
	if !o.allNamespaces {
		name, _ := o.namespace()
		parts[0] = "namespace " + name
	}
	if o.selector != "" {
		parts = append(parts, "mappings with the labels "+o.selector)
	}
	if o.filter.Agent != "" {
		parts = append(parts, "agent "+o.filter.Agent)
	}
	if o.filter.Group != "" {
		parts = append(parts, "group "+o.filter.Group)
	}
	if o.filter.NotInSync {
		parts = append(parts, "only what is not in sync")
	}
	return strings.Join(parts, ", ")
}
