package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/sheet"
)

// importOptions are the flags of import.
type importOptions struct {
	*cluster
	file, account, removalPolicy, prefix string
	apply, force                         bool
	dryRun                               string
}

func newImportCommand(c *cluster) *cobra.Command {
	o := &importOptions{cluster: c}
	cmd := &cobra.Command{
		Use:   "import -f FILE --account ACCOUNT",
		Short: "Turn a table of agent, group, receives into mappings",
		Long: `Turn a table of agent, group, receives into mappings, one for each agent.

The table is CSV as spreadsheets save it: with commas, semicolons or tabs. Its first line names the columns agent, group
and receives, in any order; other columns are passed over. receives is yes or no (or true, false, Y, N, 1, 0).

The mappings are written to standard output as YAML, or applied with --apply. If any line is wrong, all wrong lines are
told with their numbers, and nothing is written or applied. An agent that is not in the table keeps its mapping.`,
		Example: `  # See what would be made of it
  kubectl deepcall import -f roster.csv --account acme

  # Keep the mappings in a file, for kubectl apply or GitOps
  kubectl deepcall import -f roster.csv --account acme -n support > mappings.yaml

  # Ask the API server whether it takes them, and then apply them
  kubectl deepcall import -f roster.csv --account acme --apply --dry-run=server
  kubectl deepcall import -f roster.csv --account acme --apply`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "filename", "f", "", "The table; - reads it from standard input.")
	flags.StringVar(&o.account, "account", "", "The DeepCallAccount of the agents: NAME, or NAMESPACE/NAME.")
	flags.StringVar(&o.removalPolicy, "removal-policy", "", "What becomes of groups that are taken out later: StopCalls or Orphan; left out, it is StopCalls.")
	flags.StringVar(&o.prefix, "name-prefix", "agent-", "What the names of the mappings begin with; the agent's ID follows.")
	flags.BoolVar(&o.apply, "apply", false, "Apply the mappings, server-side.")
	flags.BoolVar(&o.force, "force-conflicts", false, "With --apply, take over fields that others have set, such as kubectl apply.")
	flags.StringVar(&o.dryRun, "dry-run", "none", "With --apply: server asks the API server and changes nothing; none applies.")
	completes(cmd, "removal-policy", string(v1alpha1.RemovalPolicyStopCalls), string(v1alpha1.RemovalPolicyOrphan))
	completes(cmd, "dry-run", "none", "server")
	return cmd
}

func (o *importOptions) run(ctx context.Context) error {
	options, err := o.options()
	if err != nil {
		return err
	}
	data, err := o.read()
	if err != nil {
		return err
	}
	made, problems := sheet.Mappings(data, options)
	if len(problems) > 0 {
		for _, problem := range problems {
			fmt.Fprintln(o.ErrOut, problem)
		}
		return fmt.Errorf("%s in the table, so nothing was %s; put that right and import again", counted(len(problems), "problem"), o.verb())
	}
	if o.apply {
		return o.applyAll(ctx, made)
	}
	return writeYAML(o.Out, made)
}

func (o *importOptions) verb() string {
	if o.apply {
		return "applied"
	}
	return "written"
}

// options checks the flags, and turns them into what the mappings have in common.
func (o *importOptions) options() (sheet.Options, error) {
	var none sheet.Options
	if o.file == "" {
		return none, errors.New("name the table with -f FILE, or -f - for standard input")
	}
	account, err := accountNamed(o.account)
	if err != nil {
		return none, err
	}
	if o.removalPolicy != "" {
		if err := oneOf("removal-policy", o.removalPolicy, string(v1alpha1.RemovalPolicyStopCalls), string(v1alpha1.RemovalPolicyOrphan)); err != nil {
			return none, err
		}
	}
	if err := oneOf("dry-run", o.dryRun, "none", "server"); err != nil {
		return none, err
	}
	if !o.apply && (o.dryRun != "none" || o.force) {
		return none, errors.New("--dry-run and --force-conflicts go with --apply; without it nothing is changed in the cluster")
	}
	if wrong := validation.IsDNS1123Subdomain(o.prefix + "x"); len(wrong) > 0 || len(o.prefix) > 63 {
		return none, fmt.Errorf("--name-prefix can't be %q: use up to 63 lower-case letters, digits, - and ., beginning with a letter or digit", o.prefix)
	}
	namespace, given, err := o.namespace()
	if err != nil {
		return none, err
	}
	if !given && !o.apply {
		namespace = "" // whoever applies the YAML chooses
	}
	return sheet.Options{
		Namespace: namespace, Account: account, RemovalPolicy: v1alpha1.RemovalPolicy(o.removalPolicy), NamePrefix: o.prefix,
	}, nil
}

// accountNamed reads NAME or NAMESPACE/NAME.
func accountNamed(text string) (v1alpha1.AccountReference, error) {
	var ref v1alpha1.AccountReference
	if text == "" {
		return ref, errors.New("name the agents' account with --account; kubectl get dca shows which there are")
	}
	namespace, name, inNamespace := strings.Cut(text, "/")
	if !inNamespace {
		namespace, name = "", text
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 || (inNamespace && len(validation.IsDNS1123Label(namespace)) > 0) {
		return ref, fmt.Errorf("--account can't be %q: give NAME, or NAMESPACE/NAME", text)
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
	data, err := os.ReadFile(o.file)
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	return data, nil
}

// writeYAML writes all or, if one can't be put into YAML, nothing.
func writeYAML(w io.Writer, mappings []*v1alpha1.AgentGroupMapping) error {
	var text strings.Builder
	for _, mapping := range mappings {
		document, err := yaml.Marshal(mapping)
		if err != nil {
			return fmt.Errorf("put %s into YAML: %w", mapping.Name, err)
		}
		text.WriteString("---\n")
		text.Write(document)
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("write the mappings: %w", err)
	}
	return nil
}
