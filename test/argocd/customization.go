package argocd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// HealthStatus is what Argo CD says of an object.
type HealthStatus struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
}

// The health that our scripts give.
const (
	Healthy     = "Healthy"
	Progressing = "Progressing"
	Degraded    = "Degraded"
	Suspended   = "Suspended"
)

// Action is what Argo CD offers to do with an object.
type Action struct {
	Name        string `json:"name,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
	IconClass   string `json:"iconClass,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

// Directory is where the scripts are, in the layout of Argo CD's own.
func Directory() string {
	return filepath.Join(testenv.Root(), "config", "argocd", "resource_customizations")
}

// Health runs the health check of the object's kind.
func Health(object *unstructured.Unstructured) (HealthStatus, error) {
	script, err := scriptOf(object, "health.lua")
	if err != nil {
		return HealthStatus{}, err
	}
	return health(script, object)
}

func health(script string, object *unstructured.Unstructured) (HealthStatus, error) {
	var status HealthStatus
	err := runInto(script, object, &status)
	if err != nil {
		return HealthStatus{}, err
	}
	if !slices.Contains([]string{Healthy, Progressing, Degraded, Suspended}, status.Status) {
		return HealthStatus{}, fmt.Errorf("%q is no health", status.Status)
	}
	return status, nil
}

// Actions are what Argo CD offers to do with the object now, by name.
func Actions(object *unstructured.Unstructured) (map[string]Action, error) {
	script, err := scriptOf(object, "actions", "discovery.lua")
	if err != nil {
		return nil, err
	}
	found, err := runObject(script, object)
	if err != nil {
		return nil, err
	}
	actions := map[string]Action{}
	for name, properties := range found {
		var action Action
		fields, _ := properties.(map[string]any) // an action without properties is an empty list
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &action); err != nil {
			return nil, fmt.Errorf("the action %q: %w", name, err)
		}
		action.Name = name
		actions[name] = action
	}
	return actions, nil
}

// Act returns the object as the action leaves it. Argo CD sends the difference as a merge patch.
func Act(action string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	script, err := scriptOf(object, "actions", action, "action.lua")
	if err != nil {
		return nil, err
	}
	changed, err := runObject(script, object)
	if err != nil {
		return nil, err
	}
	mended(changed, object.Object)
	return &unstructured.Unstructured{Object: changed}, nil
}

func scriptOf(object *unstructured.Unstructured, path ...string) (string, error) {
	kind := object.GroupVersionKind().GroupKind()
	file := filepath.Join(append([]string{Directory(), kind.Group, kind.Kind}, path...)...)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the script: %w", err)
	}
	return string(text), nil
}

func runObject(script string, object *unstructured.Unstructured) (map[string]any, error) {
	result, err := run(script, object.Object)
	if err != nil {
		return nil, err
	}
	table, ok := result.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expected an object from the script, not %v", result)
	}
	return table, nil
}

func runInto(script string, object *unstructured.Unstructured, into any) error {
	table, err := runObject(script, object)
	if err != nil {
		return err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(table, into); err != nil {
		return fmt.Errorf("read what the script returned: %w", err)
	}
	return nil
}
