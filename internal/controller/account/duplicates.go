package account

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// duplicates are the other accounts with the same target as one account.
type duplicates struct {
	// local are the names of those in its namespace, and foreign reports whether there are others.
	local   []string
	foreign bool
	// complete reports whether all accounts were considered. After a start, some are not configured yet.
	complete bool
}

// duplicateTracker finds duplicates. It remembers for which accounts an event has reported duplicates in other namespaces, since
// no status records that.
type duplicateTracker struct {
	Options

	mu       sync.Mutex
	complete bool
	// reported reports for each account whether it has had a foreign duplicate since the last event, or since the start.
	reported map[types.NamespacedName]bool
}

func newDuplicateTracker(options Options) *duplicateTracker {
	return &duplicateTracker{Options: options, reported: map[types.NamespacedName]bool{}}
}

// find returns the duplicates of an account that is configured.
func (t *duplicateTracker) find(ctx context.Context, name types.NamespacedName) (duplicates, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.updateComplete(ctx); err != nil {
		return duplicates{}, err
	}
	return t.duplicatesOf(name), nil
}

func (t *duplicateTracker) duplicatesOf(name types.NamespacedName) duplicates {
	d := duplicates{complete: t.complete}
	for _, other := range t.Dispatcher.Duplicates(name) {
		if other.Namespace == name.Namespace {
			d.local = append(d.local, other.Name)
		} else {
			d.foreign = true
		}
	}
	return d
}

// updateComplete sets complete once all accounts in the cache are configured. The foreign duplicates of that moment count as
// reported, so that a restart records no events again.
func (t *duplicateTracker) updateComplete(ctx context.Context) error {
	if t.complete {
		return nil
	}
	var list v1alpha1.DeepCallAccountList
	if err := t.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the accounts: %w", err)
	}
	for i := range list.Items {
		name := client.ObjectKeyFromObject(&list.Items[i])
		if t.Tenancy.Watches(name.Namespace) && !t.Dispatcher.Has(name) {
			return nil
		}
	}
	t.complete = true
	for i := range list.Items {
		name := client.ObjectKeyFromObject(&list.Items[i])
		if _, known := t.reported[name]; !known {
			t.reported[name] = t.duplicatesOf(name).foreign
		}
	}
	return nil
}

// needsEvent reports whether an account has a foreign duplicate that no event has reported yet, and counts it as reported. The
// account is as it was before its status was written.
func (t *duplicateTracker) needsEvent(account *v1alpha1.DeepCallAccount, d duplicates) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, isNew := client.ObjectKeyFromObject(account), len(account.Status.Conditions) == 0
	if !isNew && !d.complete {
		return false
	}
	reported := t.reported[name] && !isNew
	t.reported[name] = d.foreign
	return d.foreign && !reported
}

// forget drops a deleted account.
func (t *duplicateTracker) forget(name types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.reported, name)
}

// setCondition adds or removes the condition Duplicate. Until all accounts are configured, an existing one stays as it is.
func (d duplicates) setCondition(conditions *[]metav1.Condition, generation int64, now time.Time) {
	switch exists := meta.FindStatusCondition(*conditions, v1alpha1.ConditionDuplicate) != nil; {
	case exists && !d.complete:
	case len(d.local) == 0:
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionDuplicate)
	default:
		summary := reason.DuplicateAccount(d.local)
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: v1alpha1.ConditionDuplicate, Status: metav1.ConditionTrue, Reason: summary.Reason, Message: summary.Message,
			ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
		})
	}
}

func isDuplicate(account *v1alpha1.DeepCallAccount) bool {
	return meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionDuplicate) != nil
}

func (r *Reconciler) recordDuplicate(account *v1alpha1.DeepCallAccount, message string) {
	r.Recorder.Eventf(account, nil, corev1.EventTypeWarning, v1alpha1.ReasonDuplicateAccount, "Check", "%s", message)
}
