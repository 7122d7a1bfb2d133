package testenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Right is one verb on one resource, in one namespace or, without it, in all and beside them.
type Right struct{ Namespace, Group, Resource, Verb string }

func (r Right) String() string {
	return fmt.Sprintf("%s %s.%s in namespace %q", r.Verb, r.Resource, r.Group, r.Namespace)
}

func (r Right) covers(use Right) bool {
	if r.Namespace == "" {
		use.Namespace = ""
	}
	return r == use
}

// CompareRights tells which rights are granted and not used, and which are used and come from elsewhere.
func CompareRights(granted, used []Right) (superfluous, missing []Right) {
	for _, right := range granted {
		if !slices.ContainsFunc(used, right.covers) {
			superfluous = append(superfluous, right)
		}
	}
	for _, use := range used {
		if !slices.ContainsFunc(granted, func(right Right) bool { return right.covers(use) }) {
			missing = append(missing, use)
		}
	}
	return superfluous, missing
}

// RightsUsed is what the ServiceAccount asked for, by the audit log from the offset on. It fails if
// any of it was refused.
func RightsUsed(path string, offset int64, namespace, name string) ([]Right, error) {
	requests, _, err := ReadAudit(path, offset)
	if err != nil {
		return nil, err
	}
	var used []Right
	for _, request := range requests {
		ref := request.ObjectRef
		if ref == nil || request.User.Username != "system:serviceaccount:"+namespace+":"+name {
			continue
		}
		use := Right{ref.Namespace, ref.APIGroup, strings.TrimSuffix(ref.Resource+"/"+ref.Subresource, "/"), request.Verb}
		if !request.Allowed() {
			return nil, fmt.Errorf("%s asked for a right it does not have: %s", name, use)
		}
		used = append(used, use)
	}
	return used, nil
}

// RightsGranted is what the roles that are bound to the ServiceAccount grant. It is never nothing.
func RightsGranted(ctx context.Context, reader client.Reader, namespace, name string) ([]Right, error) {
	var everywhere rbacv1.ClusterRoleBindingList
	var inNamespaces rbacv1.RoleBindingList
	if err := errors.Join(reader.List(ctx, &everywhere), reader.List(ctx, &inNamespaces)); err != nil {
		return nil, fmt.Errorf("list the bindings: %w", err)
	}
	bindings := inNamespaces.Items
	for _, binding := range everywhere.Items {
		bindings = append(bindings, rbacv1.RoleBinding{RoleRef: binding.RoleRef, Subjects: binding.Subjects})
	}
	bound := func(subject rbacv1.Subject) bool {
		return subject.Kind == rbacv1.ServiceAccountKind && subject.Namespace == namespace && subject.Name == name
	}
	var rights []Right
	for _, binding := range bindings {
		if !slices.ContainsFunc(binding.Subjects, bound) {
			continue
		}
		rules, err := rulesOf(ctx, reader, binding.Namespace, binding.RoleRef)
		if err != nil {
			return nil, fmt.Errorf("read the role %s: %w", binding.RoleRef.Name, err)
		}
		for _, rule := range rules {
			rights = append(rights, rightsIn(binding.Namespace, rule)...)
		}
	}
	if len(rights) == 0 {
		return nil, fmt.Errorf("%s has no rights", name)
	}
	return rights, nil
}

func rulesOf(ctx context.Context, reader client.Reader, namespace string, ref rbacv1.RoleRef) ([]rbacv1.PolicyRule, error) {
	if ref.Kind == "ClusterRole" {
		var role rbacv1.ClusterRole
		err := reader.Get(ctx, client.ObjectKey{Name: ref.Name}, &role)
		return role.Rules, err
	}
	var role rbacv1.Role
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, &role)
	return role.Rules, err
}

func rightsIn(namespace string, rule rbacv1.PolicyRule) []Right {
	var rights []Right
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				rights = append(rights, Right{namespace, group, resource, verb})
			}
		}
	}
	return rights
}
