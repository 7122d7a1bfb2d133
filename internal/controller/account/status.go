package account

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// writeStatus updates the account's status if it changed.
func (r *Reconciler) writeStatus(ctx context.Context, account *v1alpha1.DeepCallAccount, health dispatch.Health, u usage, d duplicates) error {
	now := r.Clock.Now()
	updated := account.DeepCopy()
	status := &updated.Status
	status.Mappings = int32(min(u.mappings, 1<<31-1))
	status.Authentication = health.Authentication
	if health.Answer != nil && (status.LastResponse == nil || status.LastResponse.Code != int64(health.Answer.Code)) {
		status.LastResponse = &v1alpha1.LastResponse{
			Code: int64(health.Answer.Code), Message: health.Answer.Message, Time: metav1.NewTime(now),
		}
	}
	reason.SetConditions(&status.Conditions, summarize(account, health), account.Generation, now)
	d.setCondition(&status.Conditions, account.Generation, now)
	status.ObservedGeneration = account.Generation
	if equality.Semantic.DeepEqual(account.Status, *status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, updated); err != nil {
		return fmt.Errorf("update the account's status: %w", err)
	}
	r.recordEvent(account, updated)
	r.Accounts.Assume(updated)
	return nil
}

// summarize returns what the account's conditions state.
func summarize(account *v1alpha1.DeepCallAccount, health dispatch.Health) reason.Summary {
	if account.DeletionTimestamp == nil {
		return summarizeHealth(account, health)
	}
	problem := ""
	if !health.Ready() || health.Paused {
		problem = summarizeHealth(account, health).Message
	}
	return reason.Terminating(problem)
}

func summarizeHealth(account *v1alpha1.DeepCallAccount, health dispatch.Health) reason.Summary {
	switch {
	case health.ConfigError.Reason != "":
		return reason.Summary(health.ConfigError)
	case health.State == dispatch.Denied:
		return reason.FromError(health.Cause)
	case health.Paused:
		return reason.Paused()
	case health.State == dispatch.Unreachable:
		return reason.Unreachable(health.Cause)
	case health.State == dispatch.Untried && !(health.Recoveries == 0 && wasUsable(account)):
		return reason.Untried()
	default:
		return reason.Usable()
	}
}

// wasUsable reports whether the status states that this spec works. An earlier process may have written it.
func wasUsable(account *v1alpha1.DeepCallAccount) bool {
	ready := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason == v1alpha1.ReasonUsable && ready.ObservedGeneration == account.Generation
}

func (r *Reconciler) recordEvent(before, after *v1alpha1.DeepCallAccount) {
	if after.DeletionTimestamp != nil {
		return // a namespace that is being deleted accepts no events
	}
	if eventType, why, note, ok := reason.Transition(before.Status.Conditions, after.Status.Conditions); ok {
		r.Recorder.Eventf(after, nil, eventType, why, "Check", "%s", note)
	}
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionDuplicate)
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionDuplicate)
	if is != nil && (was == nil || was.Message != is.Message) {
		r.recordDuplicate(after, is.Message)
	}
}
