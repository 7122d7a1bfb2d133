package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// applyResult is the effect of an apply request on a mapping.
type applyResult string

const (
	created   applyResult = "created"
	changed   applyResult = "changed"
	unchanged applyResult = "unchanged"
)

// applyAll applies all mappings of a manifest and continues after a failure. The error names the mappings that failed.
func (o *importOptions) applyAll(ctx context.Context, mappings []*v1alpha1.AgentGroupMapping, manifest io.Reader) error {
	existing, err := o.list(false, "")
	if err != nil {
		return err
	}
	o.warnDuplicateAgents(existing, mappings)
	generations := map[string]int64{}
	for _, mapping := range existing {
		generations[mapping.Name] = mapping.Generation
	}
	builder, err := o.builder(false)
	if err != nil {
		return err
	}
	infos, err := builder.Unstructured().Stream(manifest, o.file).Do().Infos()
	if err != nil {
		return err
	}

	ctx, stop := interruptible(ctx)
	defer stop()
	bar := progress{out: o.ErrOut, total: len(infos), terminal: isTerminal(o.ErrOut)}
	counts := map[applyResult]int{}
	var failed []string
	for _, info := range infos {
		if ctx.Err() != nil {
			break
		}
		result, err := o.applyOne(info, generations)
		bar.clear()
		if err != nil {
			fmt.Fprintf(o.ErrOut, "%s: %v\n", objectName(info.Name), withHint(err))
			failed = append(failed, info.Name)
		} else {
			counts[result]++
			fmt.Fprintf(o.Out, "%s %s%s\n", objectName(info.Name), result, dryRunSuffix(o.dryRun))
		}
		bar.step()
	}
	bar.clear()
	fmt.Fprintf(o.ErrOut, "%d created, %d changed, %d unchanged, %d failed%s\n",
		counts[created], counts[changed], counts[unchanged], len(failed), dryRunSuffix(o.dryRun))
	switch remaining := bar.total - bar.done; {
	case remaining > 0:
		return fmt.Errorf("interrupted with %s remaining; run the command again to continue", count(remaining, "mapping"))
	case len(failed) > 0:
		return fmt.Errorf("%d of %s failed: %s; run the command again to retry", len(failed), count(len(infos), "mapping"), strings.Join(failed, ", "))
	}
	return nil
}

// warnDuplicateAgents warns about agents that already have a mapping with another name, since the two could conflict.
func (o *importOptions) warnDuplicateAgents(existing, mappings []*v1alpha1.AgentGroupMapping) {
	names := map[v1alpha1.AgentKey][]string{}
	for _, mapping := range existing {
		names[mapping.AgentKey()] = append(names[mapping.AgentKey()], mapping.Name)
	}
	for _, mapping := range mappings {
		for _, name := range names[mapping.AgentKey()] {
			if name != mapping.Name {
				fmt.Fprintf(o.ErrOut, "warning: agent %s already has mapping %s, which keeps the groups that both declare\n", mapping.Spec.AgentID, name)
			}
		}
	}
}

// applyOne applies a mapping. Generations are those of the existing mappings, by name.
func (o *importOptions) applyOne(info *resource.Info, generations map[string]int64) (applyResult, error) {
	data, err := runtime.Encode(unstructured.UnstructuredJSONScheme, info.Object)
	if err != nil {
		return "", err
	}
	applied, err := resource.NewHelper(info.Client, info.Mapping).
		DryRun(o.dryRun == "server").
		WithFieldManager(fieldManager).
		Patch(info.Namespace, info.Name, types.ApplyPatchType, data, &metav1.PatchOptions{Force: &o.force})
	if apierrors.IsConflict(err) {
		return "", fmt.Errorf("%w; use --force-conflicts to take over these fields", err)
	}
	if err != nil {
		return "", err
	}
	// Unlike the resource version, the generation changes only with the spec, also in a dry run.
	before, exists := generations[info.Name]
	switch {
	case !exists:
		return created, nil
	case applied.(metav1.Object).GetGeneration() != before:
		return changed, nil
	default:
		return unchanged, nil
	}
}
