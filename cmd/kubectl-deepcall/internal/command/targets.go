package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// targetOptions select the mappings that a command patches: by name, by label, or all.
type targetOptions struct {
	*factory
	selector           string
	all, allNamespaces bool
	dryRun             string
}

func (o *targetOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.selector, "selector", "l", "", "Select mappings by label, such as team=support.")
	flags.BoolVar(&o.all, "all", false, "Select all mappings in the namespace.")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "With --all or --selector, select mappings in all namespaces.")
	flags.StringVar(&o.dryRun, "dry-run", "none", "Must be none or server. If server, the API server validates the change without persisting it.")
	flags.Lookup("dry-run").NoOptDefVal = "server"
	registerChoices(cmd, "dry-run", "none", "server")
	cmd.ValidArgsFunction = o.completeNames
}

func (o *targetOptions) validate(names []string) error {
	ways := 0
	for _, used := range []bool{len(names) > 0, o.selector != "", o.all} {
		if used {
			ways++
		}
	}
	switch {
	case ways == 0:
		return errors.New("specify mappings by NAME, with -l SELECTOR, or with --all; kubectl get agm lists them")
	case ways > 1:
		return errors.New("specify mappings in only one way: by NAME, with -l SELECTOR, or with --all")
	case o.allNamespaces && len(names) > 0:
		return errors.New("-A requires --all or -l SELECTOR; use -n to select the namespace of a NAME")
	}
	if err := validateSelector(o.selector); err != nil {
		return err
	}
	return validateChoice("dry-run", o.dryRun, "none", "server")
}

// find returns the selected mappings. It reports and counts names that do not exist.
func (o *targetOptions) find(names []string) (found []*resource.Info, missing int, err error) {
	names, err = bareNames(names)
	if err != nil {
		return nil, 0, err
	}
	builder, err := o.builder(o.allNamespaces)
	if err != nil {
		return nil, 0, err
	}
	if len(names) > 0 {
		builder.ResourceNames(mappingResource, names...)
	} else {
		builder.ResourceTypes(mappingResource).LabelSelectorParam(o.selector).SelectAllParam(o.all)
	}
	found, err = builder.WithScheme(scheme, v1alpha1.GroupVersion).ContinueOnError().Flatten().Do().Infos()
	if err != nil {
		for _, err := range utilerrors.Flatten(utilerrors.NewAggregate([]error{err})).Errors() {
			if !apierrors.IsNotFound(err) {
				return nil, 0, err
			}
			fmt.Fprintf(o.ErrOut, "%v %s\n", err, o.inNamespace(false))
			missing++
		}
	}
	if len(found)+missing == 0 {
		fmt.Fprintf(o.ErrOut, "No matching mappings %s.\n", o.inNamespace(o.allNamespaces))
	}
	return found, missing, nil
}

// bareNames removes duplicates, and the resource from names of the form RESOURCE/NAME, which kubectl get -o name prints.
// It does not leave the latter to the Builder, which would also read other resources, such as Secrets.
func bareNames(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		name := arg
		if kind, rest, ok := strings.Cut(arg, "/"); ok {
			kind, _, _ = strings.Cut(kind, ".")
			if !slices.Contains([]string{"agm", "agentgroupmapping", "agentgroupmappings"}, strings.ToLower(kind)) {
				return nil, fmt.Errorf("%q is not an AgentGroupMapping; kubectl get agm lists them", arg)
			}
			name = rest
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (o *targetOptions) completeNames(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	mappings, err := o.list(false, "")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, mapping := range mappings {
		if strings.HasPrefix(mapping.Name, prefix) {
			names = append(names, mapping.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// displayName returns the name of a mapping in messages, with its namespace if mappings in several are selected.
func (o *targetOptions) displayName(info *resource.Info) string {
	if o.allNamespaces {
		return fmt.Sprintf("%s -n %s", objectName(info.Name), info.Namespace)
	}
	return objectName(info.Name)
}

// patchAll applies a merge patch to every mapping and continues after a failure. Operation is the past participle in the
// message about each mapping.
func (o *targetOptions) patchAll(found []*resource.Info, operation string, patch []byte) (patched []*resource.Info, failed int) {
	for _, info := range found {
		before := mappingOf(info)
		object, err := resource.NewHelper(info.Client, info.Mapping).
			DryRun(o.dryRun == "server").
			WithFieldManager(fieldManager).
			Patch(info.Namespace, info.Name, types.MergePatchType, patch, nil)
		if err != nil {
			fmt.Fprintf(o.ErrOut, "%s: %v\n", o.displayName(info), withHint(err))
			failed++
			continue
		}
		info.Object = object
		after := mappingOf(info)
		if after.Generation == before.Generation && after.Annotations[requestedAt] == before.Annotations[requestedAt] {
			fmt.Fprintf(o.Out, "%s already %s%s\n", o.displayName(info), operation, dryRunSuffix(o.dryRun))
		} else {
			fmt.Fprintf(o.Out, "%s %s%s\n", o.displayName(info), operation, dryRunSuffix(o.dryRun))
		}
		patched = append(patched, info)
	}
	return patched, failed
}

// mappingOf returns the object of an Info that was built with the scheme.
func mappingOf(info *resource.Info) *v1alpha1.AgentGroupMapping {
	return info.Object.(*v1alpha1.AgentGroupMapping)
}

// failedError returns an error if any mapping failed.
func failedError(failed, total int) error {
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s failed", failed, count(total, "mapping"))
}
