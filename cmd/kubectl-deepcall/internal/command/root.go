// Package command implements the commands of kubectl deepcall.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"
)

// Run executes the command line and returns the exit status.
func Run(args []string, build Build, in io.Reader, out, errOut io.Writer) int {
	klog.SetLogger(logr.Discard()) // client-go also logs the errors that it returns
	root := newRoot(build, genericiooptions.IOStreams{In: in, Out: out, ErrOut: errOut})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(context.Background())
	if err != nil && !errors.Is(err, errNotOK) {
		fmt.Fprintf(errOut, "error: %v\n", withHint(err))
	}
	return exitStatus(cmd, err)
}

func newRoot(build Build, streams genericiooptions.IOStreams) *cobra.Command {
	f := newFactory(streams)
	root := &cobra.Command{
		Use:         "kubectl-deepcall",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl deepcall"},
		Short:       "Show and change which agents receive calls for which groups in DeepCall",
		Long: `Show and change which agents receive calls for which groups in DeepCall.

The DeepCall operator applies the AgentGroupMappings (agm) of the cluster to DeepCall. These commands show the confirmed
state, preview changes, create mappings from a CSV file, and resync, suspend and resume mappings.`,
		Example: `  # Show why agent 7 receives no calls
  kubectl deepcall roster --agent 7

  # Show everything about one mapping: the reason, the remedy, and what happens next
  kubectl deepcall status asha

  # Show everything that is not in sync, in all namespaces
  kubectl deepcall roster -A --not-in-sync

  # Convert a CSV file with the columns agent, group and receives to mappings
  kubectl deepcall import -f roster.csv --account acme > mappings.yaml`,
		Version:       build.complete().String(),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "Print the version of this plugin.") // cobra's own flag would take -v
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	f.AddFlags(root.PersistentFlags())
	root.AddCommand(
		newRosterCommand(f), newStatusCommand(f), newDiffCommand(f), newImportCommand(f),
		newResyncCommand(f), newSuspendCommand(f), newResumeCommand(f),
		newCheckCommand(f, build.complete().Version), newCodeCommand(streams), newVersionCommand(root.Version, streams),
	)
	return root
}
