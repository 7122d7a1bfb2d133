package controller

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// errNotCurrent is returned when the cache lags behind the API server. News is on its way.
var errNotCurrent = errors.New("the cache lags behind the API server")

// assertCurrent makes sure that what a call would be made from is as the API server has it, by asking once
// for each object. The cache of a new leader may lag behind the last writes of the former one, whose
// calls would be repeated, perhaps over a newer one. Once an object was current, nobody but this process
// writes what a call depends on; that a person's edit comes late does no harm.
func (r *AgentReconciler) assertCurrent(ctx context.Context, v *view) error {
	for _, m := range v.members {
		if r.Written.isCurrent(m.mapping) {
			continue
		}
		if err := r.compareMapping(ctx, m.mapping); err != nil {
			return err
		}
		r.Written.madeCurrent(m.mapping)
	}
	if r.Written.isCurrent(v.account) {
		return nil
	}
	if err := r.compareAccount(ctx, v.account); err != nil {
		return err
	}
	r.Written.madeCurrent(v.account)
	return nil
}

// compareMapping asks by a list, for which the right is there anyway.
func (r *AgentReconciler) compareMapping(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	var live v1alpha1.AgentGroupMappingList
	err := r.Live.List(ctx, &live, client.InNamespace(mapping.Namespace), client.MatchingFields{"metadata.name": mapping.Name})
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", client.ObjectKeyFromObject(mapping), err)
	case len(live.Items) != 1 || live.Items[0].UID != mapping.UID || live.Items[0].ResourceVersion != mapping.ResourceVersion:
		return errNotCurrent
	}
	return nil
}

func (r *AgentReconciler) compareAccount(ctx context.Context, account *v1alpha1.DeepCallAccount) error {
	var live v1alpha1.DeepCallAccount
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(account), &live)
	switch {
	case apierrors.IsNotFound(err), err == nil && revisionOf(&live) != revisionOf(account):
		return errNotCurrent
	case err != nil:
		return fmt.Errorf("read the account: %w", err)
	}
	return nil
}
