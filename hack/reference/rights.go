package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// right is one verb on one resource that a file of config/rbac grants.
type right struct {
	File, Verb, Resource string
}

// Resources formats the resources for the page.
func (g grant) Resources() string { return strings.Join(g.resources, ", ") }

// Verbs formats the verbs for the page.
func (g grant) Verbs() string { return strings.Join(g.verbs, ", ") }

// readRights returns the rights of all roles in folder. It reads the manager's role, which is generated, from the path role.
func readRights(folder, role string) ([]right, error) {
	var rights []right
	for _, pattern := range []string{"*role.yaml", "*/*role.yaml"} {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, fmt.Errorf("list the roles: %w", err)
		}
		for _, path := range paths {
			name, err := filepath.Rel(folder, path)
			if err != nil {
				return nil, fmt.Errorf("name the role: %w", err)
			}
			if name == "role.yaml" {
				path = role
			}
			granted, err := readRole(name, path)
			if err != nil {
				return nil, err
			}
			rights = append(rights, granted...)
		}
	}
	return rights, nil
}

func readRole(name, path string) ([]right, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the path is the caller's
	if err != nil {
		return nil, fmt.Errorf("read the role: %w", err)
	}
	var role rbacv1.ClusterRole // or a Role, with the same fields
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	var rights []right
	for _, rule := range role.Rules {
		resources := slices.Clone(rule.NonResourceURLs)
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				resources = append(resources, inGroup(resource, group))
			}
		}
		for _, resource := range resources {
			for _, verb := range rule.Verbs {
				rights = append(rights, right{name, verb, resource})
			}
		}
	}
	return rights, nil
}

// inGroup formats a resource as kubectl auth can-i expects it. The operator's own resources need no group.
func inGroup(resource, group string) string {
	if group == "" || group == "telephony.deepcall.com" {
		return resource
	}
	return resource + "." + group
}

// verifyGrants fails if roles does not list a granted right, or lists one that is not granted.
func verifyGrants(granted []right) error {
	var listed []right
	for _, role := range roles {
		for _, grant := range role.Grants {
			for _, resource := range grant.resources {
				for _, verb := range grant.verbs {
					listed = append(listed, right{role.File, verb, resource})
				}
			}
		}
	}
	var problems []error
	for _, r := range granted {
		if !slices.Contains(listed, r) {
			problems = append(problems, fmt.Errorf("roles.go gives no reason why %s grants %s on %s", r.File, r.Verb, r.Resource))
		}
	}
	for _, r := range listed {
		if !slices.Contains(granted, r) {
			problems = append(problems, fmt.Errorf("roles.go lists %s on %s, which %s does not grant", r.Verb, r.Resource, r.File))
		}
	}
	return errors.Join(problems...)
}
