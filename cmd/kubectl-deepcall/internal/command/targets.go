package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// targetOptions select the mappings that a command patches: by name, by label, or all.
type targetOptions struct {
	*factory
	output             *outputFlags
	selector           string
	all, allNamespaces bool
	dryRun             string
}

func newTargetOptions(f *factory) targetOptions {
	return targetOptions{factory: f, output: newOutputFlags("")}
}

func (o *targetOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	o.output.addFlags(cmd)
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
	if err := o.output.validate(); err != nil {
		return err
	}
	return validateChoice("dry-run", o.dryRun, "none", "server")
}

// find returns the selected mappings. It counts names that do not exist.
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
		builder.ResourceNames(mappingType, names...)
	} else {
		builder.ResourceTypes(mappingType).LabelSelectorParam(o.selector).SelectAllParam(o.all)
	}
	if found, missing, err = o.infos(builder); err == nil && len(found)+missing == 0 {
		fmt.Fprintf(o.ErrOut, "No matching mappings %s.\n", o.inNamespace(o.allNamespaces))
	}
	return found, missing, withNamespaceHint(err, o.allNamespaces)
}

// findAccounts returns the accounts with these names. It counts names that do not exist.
func (o *targetOptions) findAccounts(names []string) (found []*resource.Info, missing int, err error) {
	if len(names) == 0 {
		return nil, 0, nil
	}
	builder, err := o.builder(false)
	if err != nil {
		return nil, 0, err
	}
	return o.infos(builder.ResourceNames(accountType, names...))
}

// infos returns the objects of a Builder. It reports and counts names that do not exist.
func (o *targetOptions) infos(builder *resource.Builder) (found []*resource.Info, missing int, err error) {
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

// displayName returns the name of an object in messages, with its namespace if objects in several are selected.
func (o *targetOptions) displayName(info *resource.Info) string {
	name := strings.ToLower(info.Mapping.GroupVersionKind.GroupKind().String()) + "/" + info.Name
	if o.allNamespaces {
		return fmt.Sprintf("%s -n %s", name, info.Namespace)
	}
	return name
}

// patchAll applies a merge patch to every object and continues after a failure. Operation is the past participle in the
// message about each object.
func (o *targetOptions) patchAll(found []*resource.Info, operation string, patch []byte) (patched []*resource.Info, failed int) {
	for _, info := range found {
		before := info.Object.(metav1.Object)
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
		if err := o.printPatched(info, before, operation); err != nil {
			fmt.Fprintf(o.ErrOut, "%s: %v\n", o.displayName(info), err)
			failed++
			continue
		}
		patched = append(patched, info)
	}
	return patched, failed
}

// printPatched prints an object that was patched, or a message about it.
func (o *targetOptions) printPatched(info *resource.Info, before metav1.Object, operation string) error {
	if !o.output.isOneOf("") {
		return o.output.printObject(o.Out, info.Object)
	}
	after := info.Object.(metav1.Object)
	if after.GetGeneration() == before.GetGeneration() && after.GetAnnotations()[requestedAt] == before.GetAnnotations()[requestedAt] {
		operation = "already " + operation
	}
	if _, err := fmt.Fprintf(o.Out, "%s %s%s\n", o.displayName(info), operation, dryRunSuffix(o.dryRun)); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// mappingOf returns the object of an Info that was built with the scheme.
func mappingOf(info *resource.Info) *v1alpha1.AgentGroupMapping {
	return info.Object.(*v1alpha1.AgentGroupMapping)
}

// failedError returns an error if any of the objects failed. The noun describes one of them.
func failedError(failed, total int, noun string) error {
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s failed", min(failed, total), text.Count(total, noun))
}
