package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"
)

// Operator is an installed operator.
type Operator struct {
	Namespace, Name, ServiceAccount string
	// Version is empty if it is not known.
	Version string
	// Watched are the watched namespaces: empty for all. UnknownWatched reports whether they can't be read from the Deployment.
	Watched        []string
	UnknownWatched bool
}

// NewOperator returns the operator that a Deployment runs.
func NewOperator(d *appsv1.Deployment) Operator {
	o := Operator{Namespace: d.Namespace, Name: d.Name, ServiceAccount: cmp.Or(d.Spec.Template.Spec.ServiceAccountName, "default")}
	for _, container := range d.Spec.Template.Spec.Containers {
		if container.Name != "manager" {
			continue
		}
		o.Version = versionOf(d.Labels, container.Image)
		values := map[string]string{}
		for _, env := range container.Env {
			if env.ValueFrom == nil {
				values[env.Name] = env.Value
			} else if field := env.ValueFrom.FieldRef; field != nil && field.FieldPath == "metadata.namespace" {
				values[env.Name] = d.Namespace
			}
		}
		for _, arg := range container.Args {
			o.readArg(arg, values)
		}
	}
	return o
}

// readArg reads an argument of the manager. Values are those of its environment variables.
func (o *Operator) readArg(arg string, values map[string]string) {
	name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if name != "watch-namespaces" {
		return
	}
	for variable, content := range values {
		value = strings.ReplaceAll(value, "$("+variable+")", content)
	}
	o.UnknownWatched = strings.Contains(value, "$(")
	o.Watched = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

// Deployment checks the readiness of an operator.
func Deployment(d *appsv1.Deployment) Result {
	o := NewOperator(d)
	want, ready := ptr.Deref(d.Spec.Replicas, 1), d.Status.ReadyReplicas
	r := Result{Check: "operator", Object: d.Namespace + "/" + d.Name, State: OK}
	r.Message = fmt.Sprintf("%s, %d of %d replicas ready", cmp.Or(o.Version, "unknown version"), ready, want)
	switch {
	case want == 0:
		r.State, r.Message = Error, "scaled to 0 replicas, so no requests are sent"
		r.Remedy = fmt.Sprintf("The cluster's administrator scales it up: kubectl scale deployment/%s -n %s --replicas=1", d.Name, d.Namespace)
	case ready == 0:
		r.State = Error
	case ready < want || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < want:
		r.State = Warning
		r.Message += fmt.Sprintf(", %d updated", d.Status.UpdatedReplicas)
	}
	if r.Remedy == "" && r.State != OK {
		r.Remedy = fmt.Sprintf("The cluster's administrator looks for the cause: kubectl describe pods -n %s -l app.kubernetes.io/name=deepcall-operator, and kubectl logs deployment/%s -n %s",
			d.Namespace, d.Name, d.Namespace)
	}
	return r
}

// NoDeployment is the result if no Deployment of the operator was found.
func NoDeployment(where string) Result {
	return Result{
		Check: "operator", State: Warning, Message: "no Deployment with the label app.kubernetes.io/name=deepcall-operator " + where,
		Remedy: "The cluster's administrator installs the operator, unless it runs outside of this cluster or with other labels.",
	}
}

// Right is a right of the operator in a namespace; empty is all namespaces.
type Right struct{ Namespace, Resource string }

// Rights returns the rights without which the operator does not watch its namespaces.
func (o Operator) Rights() []Right {
	namespaces := o.Watched
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var rights []Right
	for _, namespace := range namespaces {
		for _, resource := range []string{"agentgroupmappings", "deepcallaccounts", "secrets"} {
			rights = append(rights, Right{namespace, resource})
		}
	}
	return rights
}

// MissingRights reports the rights that an operator lacks, by namespace.
func (o Operator) MissingRights(missing []Right) []Result {
	byNamespace := map[string][]string{}
	for _, right := range missing {
		byNamespace[right.Namespace] = append(byNamespace[right.Namespace], right.Resource)
	}
	var results []Result
	for _, right := range o.Rights() {
		resources, found := byNamespace[right.Namespace]
		if !found {
			continue
		}
		delete(byNamespace, right.Namespace)
		results = append(results, Result{
			Check: "operator's rights", Object: cmp.Or(right.Namespace, "all namespaces"), State: Error,
			Message: fmt.Sprintf("ServiceAccount %s/%s can't list %s", o.Namespace, o.ServiceAccount, strings.Join(resources, ", ")),
			Remedy:  "The cluster's administrator binds the operator's Role there (config/rbac, docs/install-kustomize.md), or removes the namespace from the watched ones.",
		})
	}
	if len(results) > 0 {
		return results
	}
	watched := "all namespaces"
	if len(o.Watched) > 0 {
		watched = strings.Join(slices.Sorted(slices.Values(o.Watched)), ", ")
	}
	return []Result{{Check: "operator's rights", Object: o.Namespace + "/" + o.Name, State: OK, Message: "reads " + watched}}
}
