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
// When the last duplicate is gone, the mappings are sent again, too: the removals of its mappings can have overwritten their groups.
//
// If the write fails, it returns the account as it was, and the resync stays requested.
//
// What was requested before the operator first processed the account counts as handled: an upgrade or a restore sends nothing.
func (r *Reconciler) observeRequest(ctx context.Context, account *v1alpha1.DeepCallAccount, d duplicates) (*v1alpha1.DeepCallAccount, error) {
	updated := account.DeepCopy()
	status := &updated.Status
	switch {
	case !account.OwnsStatus():
		status.ObservedUID, status.ResyncRequestedTime = string(account.UID), nil
	case account.HasUnhandledRequest(), d.ended:
		status.ResyncRequestedTime = &metav1.MicroTime{Time: r.Clock.Now().Truncate(time.Microsecond)}
	default:
		return account, nil
	}
	status.LastHandledReconcileAt = v1alpha1.RequestedAt(account)
	if d.ended {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionDuplicate)
	}
	if err := r.Client.Status().Update(ctx, updated); err != nil {
		return account, fmt.Errorf("record the requested resync: %w", err)
	}
	r.Accounts.Assume(updated.DeepCopy())
	return updated, nil
}

// resyncOf identifies the last requested resync of all mappings of the account; zero if there is none.
func resyncOf(account *v1alpha1.DeepCallAccount) int64 {
	if at := account.ResyncRequestedTime(); at != nil {
		return at.UnixMicro()
	}
	return 0
}
