// Package tenancy decides which namespaces the operator watches, and which of them an account allows.
package tenancy

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// Scope is what an operator watches.
type Scope struct {
	// Namespaces are the watched ones; empty is all. Unreadable reports whether others should be watched, too, for which the
	// permissions are missing.
	Namespaces []string
	Unreadable bool
	// Selector matches the labels of the watched mappings and accounts; nil matches all.
	Selector labels.Selector
}

// Tenancy knows the watched namespaces and their labels.
type Tenancy struct {
	Scope
	namespaces client.Reader
}

// New returns the tenancy of an operator with this scope. Only one that watches all namespaces can read their metadata.
func New(namespaces client.Reader, scope Scope) Tenancy {
	t := Tenancy{Scope: scope}
	if len(scope.Namespaces) == 0 {
		t.namespaces = namespaces
	}
	return t
}

// WatchesLabels reports whether the labels of namespaces can be read.
func (t Tenancy) WatchesLabels() bool {
	return t.namespaces != nil
}

// Watches reports whether objects of the namespace can be read.
func (t Tenancy) Watches(namespace string) bool {
	return len(t.Namespaces) == 0 || slices.Contains(t.Namespaces, namespace)
}

// Streams returns the names of the streams of watch events: one for each watched namespace, or one for all.
func (t Tenancy) Streams() []string {
	if len(t.Namespaces) == 0 {
		return []string{""}
	}
	return t.Namespaces
}

// StreamOf returns the name of the stream that delivers the objects of a namespace.
func (t Tenancy) StreamOf(namespace string) string {
	if len(t.Namespaces) == 0 {
		return ""
	}
	return namespace
}

// ListOptions returns the options of the lists that together contain everything that the operator watches.
func (t Tenancy) ListOptions() [][]client.ListOption {
	var selector []client.ListOption
	if t.Selector != nil {
		selector = []client.ListOption{client.MatchingLabelsSelector{Selector: t.Selector}}
	}
	if len(t.Namespaces) == 0 {
		return [][]client.ListOption{selector}
	}
	var lists [][]client.ListOption
	for _, namespace := range t.Namespaces {
		lists = append(lists, append(slices.Clone(selector), client.InNamespace(namespace)))
	}
	return lists
}

// Validate returns the error in an account's allowedNamespaces. It reports false if there is none.
func (t Tenancy) Validate(allowed v1alpha1.AllowedNamespaces) (reason.Summary, bool) {
	if t.Unreadable && allowed.From == v1alpha1.NamespacesFromAll {
		return reason.NamespaceUnreadable(), true
	}
	if allowed.From != v1alpha1.NamespacesFromSelector {
		return reason.Summary{}, false
	}
	if !t.WatchesLabels() {
		return reason.SelectorNotSupported(), true
	}
	if _, err := metav1.LabelSelectorAsSelector(allowed.Selector); err != nil {
		return reason.InvalidSelector(err.Error()), true
	}
	return reason.Summary{}, false
}

// Permits reports whether mappings of the namespace can use the account, which is nil if it does not exist. A missing account
// permits its own namespace only, as a new one does: nothing reveals whether an account exists in another namespace.
func (t Tenancy) Permits(ctx context.Context, name types.NamespacedName, account *v1alpha1.DeepCallAccount, namespace string) (bool, error) {
	if account == nil {
		return name.Namespace == namespace, nil
	}
	return account.Permits(namespace, func(selector labels.Selector) (bool, error) { return t.selects(ctx, selector, namespace) })
}

func (t Tenancy) selects(ctx context.Context, selector labels.Selector, namespace string) (bool, error) {
	if !t.WatchesLabels() {
		return false, nil // reported by the account's conditions
	}
	metadata := NamespaceMetadata()
	if err := t.namespaces.Get(ctx, client.ObjectKey{Name: namespace}, metadata); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("get the namespace's labels: %w", err)
	}
	return selector.Matches(labels.Set(metadata.Labels)), nil
}

// NamespaceMetadata returns an empty object to read the metadata of a namespace into.
func NamespaceMetadata() *metav1.PartialObjectMetadata {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return namespace
}
