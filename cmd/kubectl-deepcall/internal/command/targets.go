package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// targets says which mappings a command is for: some by name, those with labels, or all.
type targets struct {
	*cluster
	selector        string
	all, everywhere bool
	dryRun          string
}

func (t *targets) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&t.selector, "selector", "l", "", "Choose the mappings with these labels, such as team=support.")
	flags.BoolVar(&t.all, "all", false, "Choose all mappings of the namespace.")
	flags.BoolVarP(&t.everywhere, "all-namespaces", "A", false, "With --all or --selector, choose from all namespaces.")
	flags.StringVar(&t.dryRun, "dry-run", "none", "server asks the API server and changes nothing; none changes.")
	flags.Lookup("dry-run").NoOptDefVal = "server"
	completes(cmd, "dry-run", "none", "server")
	cmd.ValidArgsFunction = t.completeNames
}

// check refuses what does not say clearly which mappings are meant.
func (t *targets) check(names []string) error {
	ways := 0
	for _, way := range []bool{len(names) > 0, t.selector != "", t.all} {
		if way {
			ways++
		}
	}
	switch {
	case ways == 0:
		return errors.New("say which mappings: by NAME, with -l SELECTOR, or with --all; kubectl get agm shows which there are")
	case ways > 1:
		return errors.New("say which mappings in one way: by NAME, with -l SELECTOR, or with --all")
	case t.everywhere && len(names) > 0:
		return errors.New("-A goes with --all or -l SELECTOR; for a NAME, say the namespace with -n")
	}
	return oneOf("dry-run", t.dryRun, "none", "server")
}

// find returns the mappings that are meant. Names that there are not are told at once, and counted.
func (t *targets) find(ctx context.Context, reader client.Reader, names []string) (found []v1alpha1.AgentGroupMapping, missing int, err error) {
	if len(names) > 0 {
		return t.findNamed(ctx, reader, names)
	}
	selector, err := labels.Parse(t.selector)
	if err != nil {
		return nil, 0, fmt.Errorf("--selector: %w", err)
	}
	scope, err := t.scope(t.everywhere)
	if err != nil {
		return nil, 0, err
	}
	found, err = mappings(ctx, reader, scope, client.MatchingLabelsSelector{Selector: selector})
	if err == nil && len(found) == 0 {
		fmt.Fprintf(t.ErrOut, "No such mappings %s.\n", inScope(scope))
	}
	return found, 0, err
}

func (t *targets) findNamed(ctx context.Context, reader client.Reader, names []string) (found []v1alpha1.AgentGroupMapping, missing int, err error) {
	namespace, _, err := t.namespace()
	if err != nil {
		return nil, 0, err
	}
	seen := map[string]bool{}
	for _, name := range names {
		name, err := bareName(name)
		if err != nil {
			return nil, 0, err
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		var mapping v1alpha1.AgentGroupMapping
		switch err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &mapping); {
		case apierrors.IsNotFound(err):
			fmt.Fprintf(t.ErrOut, "There is no mapping %q %s.\n", name, inScope(client.InNamespace(namespace)))
			missing++
		case err != nil:
			return nil, 0, fmt.Errorf("read the mapping %s: %w", name, err)
		default:
			found = append(found, mapping)
		}
	}
	return found, missing, nil
}

// bareName also takes names as kubectl get -o name prints them.
func bareName(text string) (string, error) {
	kind, name, ok := strings.Cut(text, "/")
	if !ok {
		return text, nil
	}
	switch kind, _, _ := strings.Cut(kind, "."); strings.ToLower(kind) {
	case "agm", "agentgroupmapping", "agentgroupmappings":
		return name, nil
	}
	return "", fmt.Errorf("%q is no AgentGroupMapping: name mappings only, as kubectl get agm shows them", text)
}

// completeNames offers the names of the namespace's mappings.
func (t *targets) completeNames(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	reader, err := t.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	scope, err := t.scope(false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, err := mappings(cmd.Context(), reader, scope)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, mapping := range found {
		if strings.HasPrefix(mapping.Name, begun) {
			names = append(names, mapping.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// name is the object as it is told of: with its namespace where several are in play.
func (t *targets) name(mapping *v1alpha1.AgentGroupMapping) string {
	if t.everywhere {
		return fmt.Sprintf("%s -n %s", named(mapping), mapping.Namespace)
	}
	return named(mapping)
}

// patchAll patches every mapping with what patchFor returns, and goes on after one that fails. It tells the word that
// each became, and returns those that were patched.
func (t *targets) patchAll(ctx context.Context, writer client.Client, found []v1alpha1.AgentGroupMapping, word string, patch []byte,
) (patched []v1alpha1.AgentGroupMapping, failed int) {
	var options []client.PatchOption
	options = append(options, client.FieldOwner(fieldManager))
	if t.dryRun == "server" {
		options = append(options, client.DryRunAll)
	}
	for i := range found {
		mapping := found[i].DeepCopy()
		if err := writer.Patch(ctx, mapping, client.RawPatch("application/merge-patch+json", patch), options...); err != nil {
			fmt.Fprintf(t.ErrOut, "%s: %v\n", t.name(&found[i]), explained(err))
			failed++
			continue
		}
		note := ""
		if mapping.Generation == found[i].Generation && mapping.Annotations[requestedAt] == found[i].Annotations[requestedAt] {
			note = " already"
		}
		fmt.Fprintf(t.Out, "%s%s %s%s\n", t.name(mapping), note, word, dryRunNote(t.dryRun))
		patched = append(patched, *mapping)
	}
	return patched, failed
}

// failedSome is the error of a command that did not do all that was asked; nil if it did.
func failedSome(failed, of int) error {
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s failed", failed, counted(of, "mapping"))
}
