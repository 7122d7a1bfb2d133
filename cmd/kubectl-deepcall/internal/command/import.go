package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/csvimport"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

type importOptions struct {
	*factory
	file, account, removalPolicy, prefix string
	apply, force, forceConflicts, yes    bool
	dryRun                               string
}

func newImportCommand(f *factory) *cobra.Command {
	o := &importOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "import -f FILE [--account ACCOUNT]",
		Short: "Convert a CSV file with the columns agent, group and receives to mappings",
		Long: `Convert a CSV file with the columns agent, group and receives to mappings. It can be saved by a spreadsheet, or be an edited
export of "kubectl deepcall roster -o csv".

The first line names the columns, in any order. receives is yes or no (or true, false, Y, N, 1, 0). These columns are optional:
mapping and namespace name the mapping of a line, account its account. declared, in_sync, generation and complete come from an export:
a group that was changed since, or that was not in sync, is not imported, and neither is a roster that lacks groups. Other columns are
ignored.

The mappings are printed as YAML, or applied with --apply, which lists the calls that start and stop. If any line is invalid, all
problems are printed with their line numbers, and nothing is printed or applied. A group that is no longer in the file is removed
from its mapping. The mapping of an agent that is not in the file is not changed.`,
		Example: `  # Print the mappings
  kubectl deepcall import -f roster.csv --account acme

  # Save the mappings for kubectl apply or GitOps
  kubectl deepcall import -f roster.csv --account acme -n support > mappings.yaml

  # List the calls that would start and stop, then apply the mappings
  kubectl deepcall import -f roster.csv --account acme --apply --dry-run=server
  kubectl deepcall import -f roster.csv --account acme --apply

  # Edit an exported roster and import it, also over fields that kubectl apply owns
  kubectl deepcall roster -o csv > roster.csv
  kubectl deepcall import -f roster.csv --apply --force-conflicts`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "filename", "f", "", "The CSV file, or - for standard input.")
	flags.StringVar(&o.account, "account", "", "The DeepCallAccount of the agents: NAME or NAMESPACE/NAME. Required unless the file has the column account.")
	flags.StringVar(&o.removalPolicy, "removal-policy", "", "What happens to groups that are removed later: StopCalls or Orphan. Default: StopCalls for new mappings.")
	flags.StringVar(&o.prefix, "name-prefix", "agent-", "The prefix of the names of mappings that the file does not name; the agent's ID follows.")
	flags.BoolVar(&o.force, "force", false, "Import also what does not fit: groups that are not in sync or were changed since the export, a roster that lacks groups, agents of another account or namespace, an account that does not exist, a second mapping of an agent.")
	flags.BoolVar(&o.apply, "apply", false, "Apply the mappings with server-side apply.")
	flags.BoolVarP(&o.yes, "yes", "y", false, "With --apply, do not ask before the last agent of a group stops receiving its calls.")
	flags.BoolVar(&o.forceConflicts, "force-conflicts", false, "With --apply, take over fields that are owned by others, such as kubectl apply.")
	flags.StringVar(&o.dryRun, "dry-run", "none", "With --apply. Must be none or server. If server, the API server validates the mappings without persisting them.")
	registerChoices(cmd, "removal-policy", string(v1alpha1.RemovalPolicyStopCalls), string(v1alpha1.RemovalPolicyOrphan))
	registerChoices(cmd, "dry-run", "none", "server")
	return cmd
}

func (o *importOptions) run(ctx context.Context) error {
	options, err := o.complete()
	if err != nil {
		return err
	}
	data, err := o.read()
	if err != nil {
		return err
	}
	if o.account == "" && !csvimport.NamesAccounts(data) {
		return errors.New("specify the agents' account with --account; kubectl get dca lists accounts")
	}
	table, problems := csvimport.Read(data, options)
	if len(problems) > 0 {
		return o.invalidFile(problems)
	}
	live, err := o.readLive(table)
	if err != nil {
		return err
	}
	if err := o.check(table, live); err != nil {
		return err
	}
	mappings := table.Mappings(live.Mappings)
	if o.apply {
		return o.applyAll(ctx, mappings, live)
	}
	manifest, err := encodeYAML(mappings)
	if err != nil {
		return err
	}
	_, err = manifest.WriteTo(o.Out)
	return err
}

// complete validates the flags and returns the options of the conversion.
func (o *importOptions) complete() (csvimport.Options, error) {
	var none csvimport.Options
	if o.file == "" {
		return none, errors.New("specify the CSV file with -f FILE, or -f - for standard input")
	}
	var account v1alpha1.AccountReference
	if o.account != "" {
		ref, ok := csvimport.ParseAccount(o.account)
		if !ok {
			return none, fmt.Errorf("invalid --account %q: must be NAME or NAMESPACE/NAME", o.account)
		}
		account = ref
	}
	if o.removalPolicy != "" {
		if err := validateChoice("removal-policy", o.removalPolicy, string(v1alpha1.RemovalPolicyStopCalls), string(v1alpha1.RemovalPolicyOrphan)); err != nil {
			return none, err
		}
	}
	if err := validateChoice("dry-run", o.dryRun, "none", "server"); err != nil {
		return none, err
	}
	if !o.apply && (o.dryRun != "none" || o.forceConflicts || o.yes) {
		return none, errors.New("--dry-run, --force-conflicts and --yes require --apply")
	}
	if errs := validation.IsDNS1123Subdomain(o.prefix + "x"); len(errs) > 0 || len(o.prefix) > 63 {
		return none, fmt.Errorf("invalid --name-prefix %q: must consist of up to 63 lower-case letters, digits, - and ., and start with a letter or digit", o.prefix)
	}
	namespace, explicit, err := o.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return none, err
	}
	return csvimport.Options{
		Namespace: namespace, Explicit: explicit,
		OmitNamespace: !explicit && !o.apply, // chosen when the YAML is applied
		Account:       account, RemovalPolicy: v1alpha1.RemovalPolicy(o.removalPolicy), NamePrefix: o.prefix, Force: o.force,
	}, nil
}

func (o *importOptions) read() ([]byte, error) {
	if o.file == "-" {
		data, err := io.ReadAll(o.In)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return data, nil
	}
	return os.ReadFile(o.file)
}

// invalidFile prints the problems, and returns the error.
func (o *importOptions) invalidFile(problems []csvimport.Problem) error {
	for _, problem := range problems {
		fmt.Fprintln(o.ErrOut, problem)
	}
	return fmt.Errorf("the file has %s; nothing was imported", text.Count(len(problems), "problem"))
}

func encodeYAML(mappings []*v1alpha1.AgentGroupMapping) (*bytes.Buffer, error) {
	var manifest bytes.Buffer
	printer := &printers.YAMLPrinter{}
	for _, mapping := range mappings {
		if err := printer.PrintObj(mapping, &manifest); err != nil {
			return nil, fmt.Errorf("encode mapping %s: %w", mapping.Name, err)
		}
	}
	return &manifest, nil
}
