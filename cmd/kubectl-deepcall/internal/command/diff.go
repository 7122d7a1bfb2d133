package command

import (
	"errors"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/preview"
)

type diffOptions struct {
	*factory
	manifests        manifestSource
	from             string
	selector, output string
	prune            bool
}

var errNoManifests = errors.New("specify the manifests with -f FILENAME, or with -k DIRECTORY for Kustomize")

func newDiffCommand(f *factory) *cobra.Command {
	o := &diffOptions{factory: f}
	cmd := &cobra.Command{
		Annotations: resultInExitStatus,
		Use:         "diff -f FILENAME|-k DIRECTORY",
		Short:       "Show which calls would start and stop if manifests were applied",
		Long: `Show which calls would start and stop if manifests were applied with "kubectl apply", and the requests that DeepCall would
get. Nothing is changed.

The manifests are compared with the cluster, for which the role view is enough. With --from they are compared with other
manifests, without a cluster, for example with those of the main branch. Objects of other kinds are ignored.

CALLS is what happens to a group of an agent:
  starts, stops  The agent begins to receive the group's calls, or receives them no more.
  handed over    Another mapping owns the group from now on. Calls are not interrupted, unless a warning states in which order to
                 apply the mappings.
  conflict       Another mapping owns the group, so the value of this one does not count.
  pending        The group can't be sent now: the mapping is suspended, or its account is missing, for example.
  orphaned       No mapping declares the group any more, but the agent still receives its calls.
  unchanged      The agent's calls of the group stay the same.

The exit status is 0 if nothing changes in DeepCall, 1 if something does, or if a group is pending, orphaned or in conflict, and
2 if there is an error.`,
		Example: `  # Show the effect of a manifest
  kubectl deepcall diff -f mapping.yaml

  # Show the effect of all manifests in a directory, and of deleting the mappings that it lacks
  kubectl deepcall diff -f mappings/ -R --prune

  # Show the effect of a Helm release or of a Kustomize directory
  helm template roster ./chart | kubectl deepcall diff -f -
  kubectl deepcall diff -k overlays/production

  # Compare the manifests of a pull request with those of the main branch, without a cluster
  kubectl deepcall diff --from main/mappings -f mappings -o markdown`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errNoManifests
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	flags := cmd.Flags()
	flags.StringSliceVarP(&o.manifests.filenames, "filename", "f", nil, "A file, directory or URL with manifests, or - for standard input. Can be repeated.")
	flags.BoolVarP(&o.manifests.recursive, "recursive", "R", false, "Read the directories of -f and --from recursively.")
	flags.StringVarP(&o.manifests.kustomize, "kustomize", "k", "", "A directory with a kustomization.yaml. Can't be used together with -f.")
	flags.StringVarP(&o.selector, "selector", "l", "", "Use only objects with these labels, such as team=support.")
	flags.BoolVar(&o.prune, "prune", false, "Show also what happens if mappings that the manifests lack are deleted in the namespaces of all manifests, whatever their kind.")
	flags.StringVar(&o.from, "from", "", "Compare with the manifests in this file or directory (with -k, a directory for Kustomize) instead of the cluster.")
	flags.StringVarP(&o.output, "output", "o", "table", "Output format: table, markdown or json.")
	registerChoices(cmd, "output", "table", "markdown", "json")
	return cmd
}

func (o *diffOptions) run() error {
	if err := o.validate(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(60) // all objects stay in memory until the end: less memory for more CPU time
	}
	compare := o.compareWithCluster
	if o.from != "" {
		compare = o.compareWithManifests
	}
	document, err := compare()
	if err != nil {
		return err
	}
	printers := map[string]preview.Printer{"table": preview.Table, "markdown": preview.Markdown, "json": preview.JSON}
	if err := printers[o.output](o.Out, document); err != nil {
		return err
	}
	if document.Report.HasEffect() {
		return errNotOK // as kubectl diff
	}
	return nil
}

func (o *diffOptions) validate() error {
	switch source := o.manifests; {
	case len(source.filenames) == 0 && source.kustomize == "":
		return errNoManifests
	case len(source.filenames) > 0 && source.kustomize != "":
		return errors.New("-f and -k are mutually exclusive")
	case source.kustomize != "" && source.recursive:
		return errors.New("-k and -R are mutually exclusive")
	case o.from != "" && o.prune:
		return errors.New("--from and --prune are mutually exclusive: with --from, mappings that the manifests of -f lack are always deleted")
	}
	if err := validateChoice("output", o.output, "table", "markdown", "json"); err != nil {
		return err
	}
	return validateSelector(o.selector)
}
