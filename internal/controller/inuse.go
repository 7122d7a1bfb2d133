package controller

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

// listLimit is the maximum number of objects that AnyInUse reads at once.
const listLimit = 500

// AnyInUse reports whether any watched object shows that a manager has worked on it before. reader reads from the API server.
func AnyInUse(ctx context.Context, reader client.Reader, options Options) (bool, error) {
	for _, watched := range tenancy.New(nil, options.Scope).ListOptions() {
		for _, empty := range []client.ObjectList{&v1alpha1.DeepCallAccountList{}, &v1alpha1.AgentGroupMappingList{}} {
			if inUse, err := anyInUse(ctx, reader, empty, watched); inUse || err != nil {
				return inUse, err
			}
		}
	}
	return false, nil
}

// anyInUse reads page by page, into copies of an empty list.
func anyInUse(ctx context.Context, reader client.Reader, empty client.ObjectList, options []client.ListOption) (bool, error) {
	next := ""
	for {
		page, _ := empty.DeepCopyObject().(client.ObjectList)
		err := reader.List(ctx, page, append(slices.Clone(options), client.Limit(listLimit), client.Continue(next))...)
		if apierrors.IsForbidden(err) {
			return true, nil // the permissions are deleted with a watched namespace, in which a manager can have worked
		}
		if err != nil {
			return false, fmt.Errorf("list the objects: %w", err)
		}
		found := false
		_ = meta.EachListItem(page, func(obj runtime.Object) error {
			found = found || isInUse(obj)
			return nil
		})
		if next = page.GetContinue(); found || next == "" {
			return found, nil
		}
	}
}

// isInUse reports whether a manager has written a finalizer, the attempt annotation or a status.
func isInUse(obj runtime.Object) bool {
	switch o := obj.(type) {
	case *v1alpha1.DeepCallAccount:
		return o.InUse() || len(o.Status.Conditions) > 0
	case *v1alpha1.AgentGroupMapping:
		return o.HasFinalizer() || o.Annotations[v1alpha1.AttemptedGroupsAnnotation] != "" || len(o.Status.Conditions) > 0
	}
	return false
}
