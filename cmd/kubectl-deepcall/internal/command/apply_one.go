package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// applyOne applies a mapping. Live is the existing one, or nil.
func (o *importOptions) applyOne(info *resource.Info, live *v1alpha1.AgentGroupMapping) (applyResult, error) {
	desired := groupIDs(info.Object)
	if live != nil && !o.forceConflicts && declaresOthers(live, desired) {
		after, err := o.applyServerSide(info, true)
		if err != nil {
			return "", err
		}
		if kept := keptGroups(after, desired); len(kept) > 0 {
			return "", fmt.Errorf("%s would stay, because another field manager declares it%s; use --force-conflicts to remove it",
				text.Groups(kept, len(kept)), managersOf(after, kept))
		}
	}
	dryRun := o.dryRun == "server"
	applied, err := o.applyServerSide(info, dryRun)
	if err != nil {
		return "", err
	}
	kept := keptGroups(applied, desired)
	if len(kept) > 0 && !dryRun {
		if err := removeGroups(info, applied, kept); err != nil {
			return "", fmt.Errorf("remove %s: %w", text.Groups(kept, len(kept)), err)
		}
	}
	// Unlike the resource version, the generation changes only with the spec, also in a dry run.
	switch {
	case live == nil:
		return created, nil
	case len(kept) > 0 || applied.GetGeneration() != live.Generation:
		return changed, nil
	default:
		return unchanged, nil
	}
}

func (o *importOptions) applyServerSide(info *resource.Info, dryRun bool) (*unstructured.Unstructured, error) {
	data, err := runtime.Encode(unstructured.UnstructuredJSONScheme, info.Object)
	if err != nil {
		return nil, err
	}
	applied, err := resource.NewHelper(info.Client, info.Mapping).
		DryRun(dryRun).
		WithFieldManager(fieldManager).
		Patch(info.Namespace, info.Name, types.ApplyPatchType, data, &metav1.PatchOptions{Force: &o.forceConflicts})
	if apierrors.IsConflict(err) {
		return nil, fmt.Errorf("%w; use --force-conflicts to take over these fields", err)
	}
	if err != nil {
		return nil, err
	}
	return applied.(*unstructured.Unstructured), nil
}

// Server-side apply removes only groups that the plugin applied before. The functions below find and remove the others.

// groupIDs returns the groups of a mapping, in their order.
func groupIDs(object runtime.Object) []string {
	groups, _, _ := unstructured.NestedSlice(object.(*unstructured.Unstructured).Object, "spec", "groups") // the CRD validates it
	var ids []string
	for _, group := range groups {
		id, _, _ := unstructured.NestedString(group.(map[string]any), "groupID")
		ids = append(ids, id)
	}
	return ids
}

func declaresOthers(live *v1alpha1.AgentGroupMapping, desired []string) bool {
	return slices.ContainsFunc(live.Spec.Groups, func(g v1alpha1.AgentGroup) bool { return !slices.Contains(desired, g.GroupID) })
}

// keptGroups returns the groups that the mapping still declares.
func keptGroups(applied *unstructured.Unstructured, desired []string) []string {
	return slices.DeleteFunc(groupIDs(applied), func(id string) bool { return slices.Contains(desired, id) })
}

// removeGroups removes the groups, unless the mapping has changed meanwhile.
func removeGroups(info *resource.Info, applied *unstructured.Unstructured, kept []string) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value string `json:"value,omitempty"`
	}
	patch := []operation{{"test", "/metadata/resourceVersion", applied.GetResourceVersion()}}
	for i, id := range slices.Backward(groupIDs(applied)) {
		if slices.Contains(kept, id) {
			patch = append(patch, operation{Op: "remove", Path: fmt.Sprintf("/spec/groups/%d", i)})
		}
	}
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = resource.NewHelper(info.Client, info.Mapping).WithFieldManager(fieldManager).Patch(info.Namespace, info.Name, types.JSONPatchType, data, nil)
	return err
}

// managersOf names the field managers that declare any of the groups, in parentheses.
func managersOf(object *unstructured.Unstructured, groups []string) string {
	var names []string
	for _, entry := range object.GetManagedFields() {
		declares := func(id string) bool {
			return entry.FieldsV1 != nil && bytes.Contains(entry.FieldsV1.GetRawBytes(), fmt.Appendf(nil, `{\"groupID\":\"%s\"}`, id))
		}
		if slices.ContainsFunc(groups, declares) && !slices.Contains(names, entry.Manager) {
			names = append(names, entry.Manager)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}
