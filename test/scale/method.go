package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// method is how the floor writes a mapping.
type method string

const (
	methodPut   method = "put"
	methodPatch method = "patch" // a JSON merge patch with the resource version
	methodApply method = "apply" // server-side apply
)

var methods = []method{methodPut, methodPatch, methodApply}

// parseMethods parses "patch,put": the method of the write before a request, and of the status after it.
func parseMethods(s string) (attempts, statuses method, err error) {
	first, second, _ := strings.Cut(s, ",")
	attempts, statuses = method(first), method(second)
	if !slices.Contains(methods, attempts) || !slices.Contains(methods, statuses) {
		return "", "", fmt.Errorf("--floor-writes=%s must be two of put, patch and apply, such as patch,put", s)
	}
	return attempts, statuses, nil
}

// write writes the finalizers and annotations, in which mapping differs from before.
func (m method) write(ctx context.Context, api client.Client, mapping, before *v1alpha1.AgentGroupMapping) error {
	switch m {
	case methodPut:
		return api.Update(ctx, mapping)
	case methodPatch:
		return api.Patch(ctx, mapping, mergePatch(before))
	default:
		patch, err := applyPatch(mapping, map[string]any{"finalizers": mapping.Finalizers, "annotations": mapping.Annotations}, nil)
		if err != nil {
			return err
		}
		return api.Patch(ctx, mapping, patch, fieldOwner)
	}
}

// writeStatus writes the status, in which mapping differs from before.
func (m method) writeStatus(ctx context.Context, api client.Client, mapping, before *v1alpha1.AgentGroupMapping) error {
	switch m {
	case methodPut:
		return api.Status().Update(ctx, mapping)
	case methodPatch:
		return api.Status().Patch(ctx, mapping, mergePatch(before))
	default:
		patch, err := applyPatch(mapping, map[string]any{}, mapping.Status)
		if err != nil {
			return err
		}
		return api.Status().Patch(ctx, mapping, patch, fieldOwner)
	}
}

const fieldOwner = client.FieldOwner("deepcall-operator")

func mergePatch(before *v1alpha1.AgentGroupMapping) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}

func applyPatch(mapping *v1alpha1.AgentGroupMapping, metadata map[string]any, status any) (client.Patch, error) {
	metadata["name"], metadata["namespace"] = mapping.Name, mapping.Namespace
	object := map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "AgentGroupMapping", "metadata": metadata}
	if status != nil {
		object["status"] = status
	}
	data, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode the patch: %w", err)
	}
	return client.RawPatch(types.ApplyYAMLPatchType, data), nil
}
