package controller

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
)

// Access tells which namespaces an account allows.
type Access struct {
	// Namespaces reads namespaces as metadata, from the cache. Nil when the operator watches
	// only some namespaces and can't read them; Selector is not supported then.
	Namespaces client.Reader
	// Watched are the namespaces that the operator watches; empty is all.
	Watched []string
	// Selector is of the labels of the mappings and accounts that the operator watches; nil is all.
	Selector labels.Selector
}

// lists are the options of the lists that together hold what the operator watches.
func (a Access) lists() [][]client.ListOption {
	var selector []client.ListOption
	if a.Selector != nil {
		selector = []client.ListOption{client.MatchingLabelsSelector{Selector: a.Selector}}
	}
	if len(a.Watched) == 0 {
		return [][]client.ListOption{selector}
	}
	var lists [][]client.ListOption
	for _, namespace := range a.Watched {
		lists = append(lists, append(slices.Clone(selector), client.InNamespace(namespace)))
	}
	return lists
}

// watches is true when objects of the namespace can be read.
func (a Access) watches(namespace string) bool {
	return len(a.Watched) == 0 || slices.Contains(a.Watched, namespace)
}

// problem says what is wrong with an account's allowedNamespaces.
func (a Access) problem(allowed v1alpha1.AllowedNamespaces) account.Problem {
	if allowed.From != v1alpha1.NamespacesFromSelector {
		return account.Problem{}
	}
	if a.Namespaces == nil {
		return account.Problem{
			Reason:  v1alpha1.ReasonSelectorNotSupported,
			Message: "spec.allowedNamespaces.from Selector needs an operator that watches all namespaces; use Same or All",
		}
	}
	if _, err := metav1.LabelSelectorAsSelector(allowed.Selector); err != nil {
		return account.Problem{
			Reason:  v1alpha1.ReasonInvalidSelector,
			Message: cut("spec.allowedNamespaces.selector: "+err.Error(), maxMessage),
		}
	}
	return account.Problem{}
}

// permits says whether a mapping of the namespace may use the account. Without an account, a
// mapping is permitted if it could be: whether one exists elsewhere is not told.
func (a Access) permits(ctx context.Context, owner *v1alpha1.DeepCallAccount, namespace string) (bool, error) {
	if owner == nil || owner.Namespace == namespace {
		return true, nil
	}
	switch allowed := owner.Spec.AllowedNamespaces; allowed.From {
	case v1alpha1.NamespacesFromAll:
		return true, nil
	case v1alpha1.NamespacesFromSelector:
		return a.selects(ctx, allowed.Selector, namespace)
	default:
		return false, nil
	}
}

func (a Access) selects(ctx context.Context, labelSelector *metav1.LabelSelector, namespace string) (bool, error) {
	if a.Namespaces == nil {
		return false, nil // the account's own conditions tell
	}
	selector, err := metav1.LabelSelectorAsSelector(labelSelector)
	if err != nil {
		return false, nil //nolint:nilerr // it selects nothing, and the account's own conditions tell
	}
	found := namespaceMetadata()
	if err := a.Namespaces.Get(ctx, client.ObjectKey{Name: namespace}, found); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("get the namespace's labels: %w", err)
	}
	return selector.Matches(labels.Set(found.Labels)), nil
}

func namespaceMetadata() *metav1.PartialObjectMetadata {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return namespace
}
