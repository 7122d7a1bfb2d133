package controller

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Access tells which namespaces an account allows.
type Access struct {
	// Namespaces reads namespaces as metadata, from the cache. Nil when the operator watches
	// only some namespaces and can't read them; Selector is not supported then.
	Namespaces client.Reader
}

var errSelectorNotSupported = errors.New("allowedNamespaces.from Selector needs an operator that watches all namespaces")

// permits says whether a mapping of the namespace may use the account. Without an account, a
// mapping is permitted if it could be: whether one exists elsewhere is not told.
func (a Access) permits(ctx context.Context, account *v1alpha1.DeepCallAccount, namespace string) (bool, error) {
	if account == nil {
		return true, nil
	}
	if account.Namespace == namespace {
		return true, nil
	}
	switch allowed := account.Spec.AllowedNamespaces; allowed.From {
	case v1alpha1.NamespacesFromAll:
		return true, nil
	case v1alpha1.NamespacesFromSelector:
		return a.selects(ctx, allowed.Selector, namespace)
	default:
		return false, nil
	}
}

func (a Access) selects(ctx context.Context, labelSelector *metav1.LabelSelector, namespace string) (bool, error) {
	selector, err := metav1.LabelSelectorAsSelector(labelSelector)
	if err != nil || a.Namespaces == nil {
		return false, nil // the account's own conditions tell
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
