package account

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// observeRequest records a requested resync of all mappings of the account. It precedes the configuration of the dispatcher, so
// that each request that is sent for the new revision counts for the resync, also the first one of a new mapping.
//
// If the write fails, it returns the account as it was, and the resync stays requested.
//
// What was requested before the operator first processed the account counts as handled: an upgrade or a restore sends nothing.
func (r *Reconciler) observeRequest(ctx context.Context, account *v1alpha1.DeepCallAccount) (*v1alpha1.DeepCallAccount, error) {
	updated := account.DeepCopy()
	status := &updated.Status
	switch {
	case !account.OwnsStatus():
		status.ObservedUID, status.ResyncRequestedTime = string(account.UID), nil
	case account.HasUnhandledRequest():
		status.ResyncRequestedTime = r.resyncTime()
	default:
		return account, nil
	}
	status.LastHandledReconcileAt = v1alpha1.RequestedAt(account)
	return r.recordResync(ctx, account, updated)
}

// endDuplicate removes the condition Duplicate, and requests a resync with the same write: the removals of the mappings of an account
// that is gone can have overwritten groups of this one's.
func (r *Reconciler) endDuplicate(ctx context.Context, account *v1alpha1.DeepCallAccount) (*v1alpha1.DeepCallAccount, error) {
	updated := account.DeepCopy()
	updated.Status.ResyncRequestedTime = r.resyncTime()
	meta.RemoveStatusCondition(&updated.Status.Conditions, v1alpha1.ConditionDuplicate)
	return r.recordResync(ctx, account, updated)
}

// recordResync updates the status. If that fails, it returns the account as it was before.
func (r *Reconciler) recordResync(ctx context.Context, before, updated *v1alpha1.DeepCallAccount) (*v1alpha1.DeepCallAccount, error) {
	if err := r.Client.Status().Update(ctx, updated); err != nil {
		return before, fmt.Errorf("record the requested resync: %w", err)
	}
	r.Accounts.Assume(updated)
	return updated, nil
}

// resyncTime returns the time that identifies a resync, as precise as the API server stores it.
func (r *Reconciler) resyncTime() *metav1.MicroTime {
	return &metav1.MicroTime{Time: r.Clock.Now().Truncate(time.Microsecond)}
}

// resyncOf identifies the last requested resync of all mappings of the account; zero if there is none.
func resyncOf(account *v1alpha1.DeepCallAccount) int64 {
	if at := account.ResyncRequestedTime(); at != nil {
		return at.UnixMicro()
	}
	return 0
}
