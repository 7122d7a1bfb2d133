package command

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/csvimport"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// applyResult is the effect of an apply request on a mapping.
type applyResult string

const (
	created   applyResult = "created"
	changed   applyResult = "changed"
	unchanged applyResult = "unchanged"
)

// applyAll lists the calls that start and stop, and applies all mappings. It continues after a failure. The error names the mappings
// that failed.
func (o *importOptions) applyAll(ctx context.Context, mappings []*v1alpha1.AgentGroupMapping, live *cluster) error {
	lost, err := o.previewEffect(mappings, live)
	if err != nil {
		return err
	}
	if err := o.confirm(lost); err != nil {
		return err
	}
	infos, err := o.infosOf(mappings)
	if err != nil {
		return err
	}
	existing := csvimport.ByName(live.Mappings)

	ctx, stop := interruptible(ctx)
	defer stop()
	bar := progress{out: o.ErrOut, total: len(infos), terminal: isTerminal(o.ErrOut)}
	counts := map[applyResult]int{}
	var failed []string
	for _, info := range infos {
		if ctx.Err() != nil {
			break
		}
		result, err := o.applyOne(info, existing[types.NamespacedName{Namespace: info.Namespace, Name: info.Name}])
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
		return fmt.Errorf("interrupted with %s remaining; run the command again to continue", text.Count(remaining, "mapping"))
	case len(failed) > 0:
		return fmt.Errorf("%d of %s failed: %s", len(failed), text.Count(len(infos), "mapping"), strings.Join(failed, ", "))
	}
	return nil
}

// infosOf returns the mappings with clients for their resource.
func (o *importOptions) infosOf(mappings []*v1alpha1.AgentGroupMapping) ([]*resource.Info, error) {
	manifest, err := encodeYAML(mappings)
	if err != nil {
		return nil, err
	}
	builder, err := o.builder(false)
	if err != nil {
		return nil, err
	}
	return builder.Unstructured().Stream(manifest, o.file).Do().Infos()
}
