package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/deepcall/deepcall-operator/internal/reason"
)

func newCodeCommand(streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "code [CODE|REASON]",
		Short: "Explain a DeepCall code or a reason, and what to do about it",
		Long: `Explain a DeepCall code or the reason of a condition: what it means, what the operator does, and what to do about it.
Without an argument, list all codes and reasons. The command does not access the cluster.`,
		Example: `  # Explain a DeepCall code
  kubectl deepcall code 1505

  # Explain a REASON that kubectl get agm,dca shows
  kubectl deepcall code AccountNotReady

  # List all codes and reasons
  kubectl deepcall code`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return completeCodes(prefix), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listEntries(streams.Out, reason.Entries())
			}
			found, err := reason.Find(args[0])
			if err != nil {
				return err
			}
			return describeEntries(streams.Out, found)
		},
	}
}

func listEntries(w io.Writer, entries []reason.Entry) error {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "CODE\tREASON\tCLASS\tMEANING")
	for _, e := range entries {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", cmp.Or(codeText(e), "-"), e.Reason, e.Class, e.Meaning)
	}
	return out.Flush()
}

func describeEntries(w io.Writer, entries []reason.Entry) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, e := range entries {
		if i > 0 {
			fmt.Fprintln(out)
		}
		for _, line := range [][2]string{
			{"Code", codeText(e)},
			{"Reason", e.Reason},
			{"Message", e.Message},
			{"Class", string(e.Class)},
			{"Meaning", e.Meaning},
			{"Operator", e.Operator},
			{"What to do", e.Remedy},
		} {
			if line[1] != "" {
				fmt.Fprintf(out, "%s:\t%s\n", line[0], line[1])
			}
		}
	}
	return out.Flush()
}

func codeText(e reason.Entry) string {
	if e.Code == 0 {
		return ""
	}
	return strconv.Itoa(e.Code)
}

func completeCodes(prefix string) []string {
	var matches []string
	for _, e := range reason.Entries() {
		for _, candidate := range []string{codeText(e), e.Reason} {
			if candidate != "" && strings.HasPrefix(strings.ToLower(candidate), strings.ToLower(prefix)) {
				matches = append(matches, candidate)
			}
		}
	}
	slices.Sort(matches)
	return slices.Compact(matches)
}
