package account

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// usage is how an account is used.
type usage struct {
	// mappings is how many mappings use it: those that are permitted, and those that have groups to remove.
	mappings int
	// needsRemoval reports whether any mapping has the finalizer, in the cache or in an assumed object.
	needsRemoval bool
}

// usageOf counts the mappings that use the account.
func (r *Reconciler) usageOf(ctx context.Context, account *v1alpha1.DeepCallAccount) (usage, error) {
	name := client.ObjectKeyFromObject(account)
	var u usage
	// Assumed objects first: one is dropped only after its cached version was counted.
	for _, assumed := range r.Mappings.ByKey(name.String()) {
		if u.needsRemoval = u.needsRemoval || isApplied(assumed); u.needsRemoval || !assumed.HasFinalizer() {
			continue
		}
		permitted, err := r.Tenancy.Permits(ctx, name, account, assumed.Namespace)
		if err != nil {
			return usage{}, fmt.Errorf("count the account's mappings: %w", err)
		}
		u.needsRemoval = permitted
	}
	for namespace, count := range r.Counts.byNamespace(name) {
		permitted, err := r.Tenancy.Permits(ctx, name, account, namespace)
		if err != nil {
			return usage{}, fmt.Errorf("count the account's mappings: %w", err)
		}
		if permitted {
			u.mappings += int(count.mappings)
			u.needsRemoval = u.needsRemoval || count.needRemoval > 0
		} else { // anyone can create a mapping with the finalizer, but its status proves that it used the account
			u.mappings += int(count.applied)
			u.needsRemoval = u.needsRemoval || count.applied > 0
		}
	}
	return u, nil
}

// updateFinalizer adds the finalizer while mappings use the account, and removes it after the last removal.
func (r *Reconciler) updateFinalizer(ctx context.Context, account *v1alpha1.DeepCallAccount, u usage) (*v1alpha1.DeepCallAccount, error) {
	hidden := r.Tenancy.Unreadable && account.Spec.AllowedNamespaces.From == v1alpha1.NamespacesFromAll // mappings that were not counted
	wanted := u.mappings > 0 || u.needsRemoval || account.InUse() && hidden
	if account.DeletionTimestamp != nil {
		wanted = account.InUse() && (u.needsRemoval || hidden)
	}
	if account.InUse() == wanted {
		return account, nil
	}
	updated := account.DeepCopy()
	if wanted {
		controllerutil.AddFinalizer(updated, v1alpha1.InUseFinalizer)
	} else {
		controllerutil.RemoveFinalizer(updated, v1alpha1.InUseFinalizer)
	}
	patch := client.MergeFromWithOptions(account, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, updated, patch); err != nil {
		return nil, fmt.Errorf("patch the account's finalizer: %w", err)
	}
	r.Accounts.Assume(updated)
	// Agents that saw the account without its finalizer are waiting: enqueue them even if nothing else changed.
	r.announced.Delete(client.ObjectKeyFromObject(updated))
	return updated, nil
}

// isHeld reports whether agents can send requests: the account has the finalizer, or it is being deleted and can't get one.
func isHeld(account *v1alpha1.DeepCallAccount) bool {
	return account.InUse() || account.DeletionTimestamp != nil
}
