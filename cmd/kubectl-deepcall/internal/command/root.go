// Package command holds the commands of kubectl deepcall: what they are called, what they ask of the cluster, and in
// which words they answer. What they work out is in the packages beside it.
package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// Run carries out the command line, and returns the exit status.
func Run(args []string, built Build, in io.Reader, out, errOut io.Writer) int {
	ctrllog.SetLogger(logr.Discard()) // commands answer themselves
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(built, genericiooptions.IOStreams{In: in, Out: out, ErrOut: errOut})
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(errOut, "error: %v\n", explained(err))
		return 1
	}
	return 0
}

func newRoot(built Build, streams genericiooptions.IOStreams) *cobra.Command {
	cluster := newCluster(streams)
	root := &cobra.Command{
		Use:         "kubectl-deepcall",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl deepcall"},
		Short:       "See and change which agents receive calls for which groups in DeepCall",
		Long: `See and change which agents receive calls for which groups in DeepCall.

The DeepCall operator keeps DeepCall as the AgentGroupMappings (agm) of the cluster declare. These commands show what
it confirmed, make mappings from a table, and ask the operator for something.`,
		Example: `  # Why does agent 7 get no calls?
  kubectl deepcall roster --agent 7

  # What is not as declared, anywhere?
  kubectl deepcall roster -A --not-in-sync

  # Turn a table of agent, group, receives into mappings
  kubectl deepcall import -f roster.csv --account acme > mappings.yaml`,
		Version:       thisBuild(built).String(),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "Tell the version of this plugin.") // else cobra's takes -v
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	cluster.flags.AddFlags(root.PersistentFlags())
	root.AddCommand(
		newRosterCommand(cluster), newImportCommand(cluster),
		newResyncCommand(cluster), newSuspendCommand(cluster), newResumeCommand(cluster),
		newCodeCommand(streams), newVersionCommand(root.Version, streams),
	)
	return root
}

// configFlags are kubectl's usual flags.
func configFlags() *genericclioptions.ConfigFlags {
	return genericclioptions.NewConfigFlags(true)
}
