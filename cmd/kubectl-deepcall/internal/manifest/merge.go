package manifest

import (
	"encoding/json"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// lastApplied is the annotation in which kubectl apply records the manifest.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Merge sets the spec of a manifest to the one that kubectl apply would give to the existing object: a field that the manifest omits
// keeps its value, unless the manifest that was applied last had it. The existing spec is a pointer.
func Merge(manifest *unstructured.Unstructured, live metav1.Object, liveSpec any) error {
	before, err := runtime.DefaultUnstructuredConverter.ToUnstructured(liveSpec)
	if err != nil {
		return fmt.Errorf("convert the existing spec: %w", err)
	}
	var last struct {
		Spec map[string]any `json:"spec"`
	}
	if text := live.GetAnnotations()[lastApplied]; text != "" {
		if err := json.Unmarshal([]byte(text), &last); err != nil {
			return fmt.Errorf("read the annotation %s of %s/%s: %w", lastApplied, live.GetNamespace(), live.GetName(), err)
		}
	}
	if spec, ok := manifest.Object["spec"].(map[string]any); ok {
		manifest.Object["spec"] = merge(before, last.Spec, spec)
	}
	return nil
}

// merge returns the three-way merge of maps; everything else is replaced as a whole, as kubectl does with custom resources.
func merge(live, last, manifest map[string]any) map[string]any {
	merged := maps.Clone(live)
	if merged == nil {
		merged = map[string]any{}
	}
	for name := range last {
		if _, keeps := manifest[name]; !keeps {
			delete(merged, name)
		}
	}
	for name, value := range manifest {
		after, isMap := value.(map[string]any)
		before, wasMap := live[name].(map[string]any)
		switch {
		case value == nil:
			delete(merged, name)
		case isMap && wasMap:
			lastMap, _ := last[name].(map[string]any)
			merged[name] = merge(before, lastMap, after)
		default:
			merged[name] = value
		}
	}
	return merged
}
