package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/csvimport"
)

type importOptions struct {
	*factory
	file, account, removalPolicy, prefix string
	apply, force                         bool
	dryRun                               string
}

func newImportCommand(f *factory) *cobra.Command {
	o := &importOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "import -f FILE --account ACCOUNT",
		Short: "Convert a CSV file with the columns agent, group and receives to mappings",
		Long: `Convert a CSV file with the columns agent, group and receives to mappings, one per agent.

The file can use commas, semicolons or tabs. Its first line names the columns, in any order; other columns are ignored.
receives is yes or no (or true, false, Y, N, 1, 0).

The mappings are printed as YAML, or applied with --apply. If any line is invalid, all problems are printed with their
line numbers, and nothing is printed or applied. The mapping of an agent that is not in the file is not changed.`,
		Example: `  # Print the mappings
  kubectl deepcall import -f roster.csv --account acme

  # Save the mappings for kubectl apply or GitOps
  kubectl deepcall import -f roster.csv --account acme -n support > mappings.yaml

  # Validate the mappings on the API server, then apply them
  kubectl deepcall import -f roster.csv --account acme --apply --dry-run=server
  kubectl deepcall import -f roster.csv --account acme --apply`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "filename", "f", "", "The CSV file, or - for standard input.")
	flags.StringVar(&o.account, "account", "", "The DeepCallAccount of the agents: NAME or NAMESPACE/NAME.")
	flags.StringVar(&o.removalPolicy, "removal-policy", "", "What happens to groups that are removed later: StopCalls or Orphan. Default: StopCalls.")
	flags.StringVar(&o.prefix, "name-prefix", "agent-", "The prefix of the mappings' names; the agent's ID follows.")
	flags.BoolVar(&o.apply, "apply", false, "Apply the mappings with server-side apply.")
	flags.BoolVar(&o.force, "force-conflicts", false, "With --apply, take over fields that are owned by others, such as kubectl apply.")
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
	mappings, problems := csvimport.Mappings(data, options)
	if len(problems) > 0 {
		for _, problem := range problems {
			fmt.Fprintln(o.ErrOut, problem)
		}
		return fmt.Errorf("the file has %s; nothing was imported", count(len(problems), "problem"))
	}
	manifest, err := encodeYAML(mappings)
	if err != nil {
		return err
	}
	if o.apply {
		return o.applyAll(ctx, mappings, manifest)
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
	account, err := parseAccount(o.account)
	if err != nil {
		return none, err
	}
	if o.removalPolicy != "" {
		if err := validateChoice("removal-policy", o.removalPolicy, string(v1alpha1.RemovalPolicyStopCalls), string(v1alpha1.RemovalPolicyOrphan)); err != nil {
			return none, err
		}
	}
	if err := validateChoice("dry-run", o.dryRun, "none", "server"); err != nil {
		return none, err
	}
	if !o.apply && (o.dryRun != "none" || o.force) {
		return none, errors.New("--dry-run and --force-conflicts require --apply")
	}
	if errs := validation.IsDNS1123Subdomain(o.prefix + "x"); len(errs) > 0 || len(o.prefix) > 63 {
		return none, fmt.Errorf("invalid --name-prefix %q: must consist of up to 63 lower-case letters, digits, - and ., and start with a letter or digit", o.prefix)
	}
	namespace, explicit, err := o.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return none, err
	}
	if !explicit && !o.apply {
		namespace = "" // chosen when the YAML is applied
	}
	return csvimport.Options{
		Namespace: namespace, Account: account, RemovalPolicy: v1alpha1.RemovalPolicy(o.removalPolicy), NamePrefix: o.prefix,
	}, nil
}

// parseAccount parses NAME or NAMESPACE/NAME.
func parseAccount(text string) (v1alpha1.AccountReference, error) {
	var ref v1alpha1.AccountReference
	if text == "" {
		return ref, errors.New("specify the agents' account with --account; kubectl get dca lists accounts")
	}
	namespace, name, ok := strings.Cut(text, "/")
	if !ok {
		namespace, name = "", text
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 || (ok && len(validation.IsDNS1123Label(namespace)) > 0) {
		return ref, fmt.Errorf("invalid --account %q: must be NAME or NAMESPACE/NAME", text)
	}
	return v1alpha1.AccountReference{Namespace: namespace, Name: name}, nil
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
