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

// HealthStatus is the health that Argo CD reports for an object.
type HealthStatus struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
}

// The health statuses that the scripts return.
const (
	Healthy     = "Healthy"
	Progressing = "Progressing"
	Degraded    = "Degraded"
	Suspended   = "Suspended"
)

// Action is an action that Argo CD offers for an object.
type Action struct {
	Name        string `json:"name,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
	IconClass   string `json:"iconClass,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

// Directory returns the directory of the scripts, which has the layout of Argo CD's resource_customizations.
func Directory() string {
	return filepath.Join(testenv.Root(), "config", "argocd", "resource_customizations")
}

// Health runs the health check of the object's kind.
func Health(object *unstructured.Unstructured) (HealthStatus, error) {
	result, err := runScript(object, "health.lua")
	if err != nil {
		return HealthStatus{}, err
	}
	var status HealthStatus
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(result, &status); err != nil {
		return HealthStatus{}, fmt.Errorf("convert the health status: %w", err)
	}
	if !slices.Contains([]string{Healthy, Progressing, Degraded, Suspended}, status.Status) {
		return HealthStatus{}, fmt.Errorf("unknown health status %q", status.Status)
	}
	return status, nil
}

// Actions returns the actions that Argo CD offers for the object, by name.
func Actions(object *unstructured.Unstructured) (map[string]Action, error) {
	result, err := runScript(object, "actions", "discovery.lua")
	if err != nil {
		return nil, err
	}
	actions := map[string]Action{}
	for name, properties := range result {
		var action Action
		fields, _ := properties.(map[string]any) // Lua returns an action without properties as an empty list
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &action); err != nil {
			return nil, fmt.Errorf("the action %q: %w", name, err)
		}
		action.Name = name
		actions[name] = action
	}
	return actions, nil
}

// Act runs the action and returns the changed object. Argo CD sends the changes as a merge patch.
func Act(action string, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	changed, err := runScript(object, "actions", action, "action.lua")
	if err != nil {
		return nil, err
	}
	restoreEmptyObjects(changed, object.Object)
	return &unstructured.Unstructured{Object: changed}, nil
}

// runScript runs a script of the object's kind, which must return a table.
func runScript(object *unstructured.Unstructured, path ...string) (map[string]any, error) {
	kind := object.GroupVersionKind().GroupKind()
	script, err := os.ReadFile(filepath.Join(append([]string{Directory(), kind.Group, kind.Kind}, path...)...))
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	result, err := run(string(script), object.Object)
	if err != nil {
		return nil, err
	}
	table, ok := result.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the script returned %v, want an object", result)
	}
	return table, nil
}
