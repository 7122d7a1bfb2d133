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

// Right is a verb on a resource, in a namespace or, if Namespace is empty, in the whole cluster.
type Right struct{ Namespace, Group, Resource, Verb string }

func (r Right) String() string {
	return fmt.Sprintf("%s %s.%s in namespace %q", r.Verb, r.Resource, r.Group, r.Namespace)
}

// covers reports whether r allows use.
func (r Right) covers(use Right) bool {
	if r.Namespace == "" {
		use.Namespace = ""
	}
	return r == use
}

// CompareRights returns the granted rights that are not used, and the used rights that are not granted.
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

// RightsUsed returns the rights that the ServiceAccount used, according to the audit log after offset. It returns an error
// if one of its requests was forbidden.
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
			return nil, fmt.Errorf("%s used a right that it does not have: %s", name, use)
		}
		used = append(used, use)
	}
	return used, nil
}

// RightsGranted returns the rights of the roles that are bound to the ServiceAccount, and an error if there are none.
func RightsGranted(ctx context.Context, reader client.Reader, namespace, name string) ([]Right, error) {
	var clusterRoleBindings rbacv1.ClusterRoleBindingList
	var roleBindings rbacv1.RoleBindingList
	if err := errors.Join(reader.List(ctx, &clusterRoleBindings), reader.List(ctx, &roleBindings)); err != nil {
		return nil, fmt.Errorf("list the bindings: %w", err)
	}
	bindings := roleBindings.Items
	for _, binding := range clusterRoleBindings.Items {
		bindings = append(bindings, rbacv1.RoleBinding{RoleRef: binding.RoleRef, Subjects: binding.Subjects})
	}
	isAccount := func(subject rbacv1.Subject) bool {
		return subject.Kind == rbacv1.ServiceAccountKind && subject.Namespace == namespace && subject.Name == name
	}
	var rights []Right
	for _, binding := range bindings {
		if !slices.ContainsFunc(binding.Subjects, isAccount) {
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
