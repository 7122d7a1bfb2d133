package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// duplicates are the other accounts with the same target as one account.
type duplicates struct {
	// local are the names of those in its namespace, and foreign reports whether there are others.
	local   []string
	foreign bool
	// incomplete reports whether accounts of the namespace are not configured yet. Then the condition Duplicate stays as it is.
	incomplete bool
	// ended reports whether the condition states duplicates, and there are none any more. Accounts of other namespaces don't
	// count: otherwise their owners could cause requests with this account.
	ended bool
}

// findDuplicates returns the duplicates of an account that is configured.
func (r *Reconciler) findDuplicates(ctx context.Context, account *v1alpha1.DeepCallAccount) (duplicates, error) {
	var d duplicates
	hasCondition := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionDuplicate) != nil
	if hasCondition { // only an existing condition could be removed too early
		var err error
		// Before the duplicates are read: another account can be configured at any time.
		if d.incomplete, err = r.lacksAccounts(ctx, account.Namespace); err != nil {
			return duplicates{}, err
		}
	}
	for _, other := range r.Dispatcher.Duplicates(client.ObjectKeyFromObject(account)) {
		if other.Namespace == account.Namespace {
			d.local = append(d.local, other.Name)
		} else {
			d.foreign = true
		}
	}
	d.ended = hasCondition && !d.incomplete && len(d.local) == 0
	return d, nil
}

// lacksAccounts reports whether the dispatcher lacks an account of the namespace.
func (r *Reconciler) lacksAccounts(ctx context.Context, namespace string) (bool, error) {
	var list v1alpha1.DeepCallAccountList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list the accounts of the namespace: %w", err)
	}
	return slices.ContainsFunc(list.Items, func(account v1alpha1.DeepCallAccount) bool {
		return !r.Dispatcher.Has(client.ObjectKeyFromObject(&account))
	}), nil
}

// setCondition sets the condition Duplicate if there are any. It names only accounts of the same namespace. Only endDuplicate removes
// the condition, since that also requests a resync.
func (d duplicates) setCondition(conditions *[]metav1.Condition, generation int64, now time.Time) {
	if d.incomplete || len(d.local) == 0 {
		return
	}
	summary := reason.DuplicateAccount(d.local)
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionDuplicate, Status: metav1.ConditionTrue, Reason: summary.Reason, Message: summary.Message,
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
	})
}

// reportForeign records an event if the account has come to have duplicates in other namespaces, or if this process finds them
// for the first time: no status states them.
func (r *Reconciler) reportForeign(account *v1alpha1.DeepCallAccount, d duplicates) {
	name := client.ObjectKeyFromObject(account)
	if !d.foreign {
		r.foreignDuplicates.Delete(name)
		return
	}
	if _, reported := r.foreignDuplicates.LoadOrStore(name, true); !reported && account.DeletionTimestamp == nil {
		r.recordDuplicate(account, reason.DuplicateAccountElsewhere().Message)
	}
}

func (r *Reconciler) recordDuplicate(account *v1alpha1.DeepCallAccount, message string) {
	r.Recorder.Eventf(account, nil, corev1.EventTypeWarning, v1alpha1.ReasonDuplicateAccount, "Check", "%s", message)
}
