package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// report writes what can be said of the agent's mappings without a call.
func (r *AgentReconciler) report(ctx context.Context, v *view) error {
	var failed []error
	for _, m := range v.members {
		if m.claims.Removing {
			failed = append(failed, r.reportRemoval(ctx, v, m))
		} else {
			failed = append(failed, r.reportMember(ctx, v, m))
		}
	}
	return errors.Join(failed...)
}

func (r *AgentReconciler) reportMember(ctx context.Context, v *view, m *member) error {
	if err := r.keepFinalizer(ctx, m); err != nil {
		return err
	}
	if !m.change.Still() {
		if err := r.forget(ctx, m); err != nil {
			return err
		}
	}
	hindrance := v.hindrance(m)
	switch {
	case hindrance != nil:
		return r.say(ctx, v, m, *hindrance)
	case m.refused && len(m.change.Target) > 0, !m.change.Still():
		return nil // a call, past or to come, of this mapping or of one that takes over, has the word
	case len(m.change.Conflicts) > 0:
		return r.confirm(ctx, v, m, conflict(m.change.Conflicts))
	case len(m.change.Applied()) == 0:
		return r.confirm(ctx, v, m, nothingToSend())
	default:
		return r.confirm(ctx, v, m, synced())
	}
}

// hindrance says why a mapping that has something to send can't be sent; nil when it can.
func (v *view) hindrance(m *member) *verdict {
	var found verdict
	unsent := !m.permitted && len(m.mapping.Spec.Groups) > 0
	switch {
	case m.mapping.Spec.Suspend && (unsent || len(m.change.Conflicts) > 0 || !m.change.Still()):
		found = suspended()
	case unsent || (!m.permitted && !m.change.Still()):
		found = accountNotPermitted()
	case m.change.Still():
		return nil
	case v.account == nil && v.key.Account.Namespace != m.mapping.Namespace:
		found = accountNotPermitted()
	case v.account == nil:
		found = accountNotFound(v.key.Account.Name)
	case m.refused && !m.claims.Due:
		return nil
	case !v.standing.Ready() || m.tooLate(v):
		found = accountNotReady(v.key.Account, m.mapping.Namespace)
	default:
		return nil
	}
	return &found
}

// forget takes groups out of the record that their new owner has applied.
func (r *AgentReconciler) forget(ctx context.Context, m *member) error {
	if len(m.change.Lost) == 0 {
		return nil
	}
	return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) {
		status.AppliedGroups = slices.DeleteFunc(status.AppliedGroups, func(group v1alpha1.AgentGroup) bool {
			return slices.Contains(m.change.Lost, group.GroupID)
		})
		status.Receiving = receiving(asMap(status.AppliedGroups))
	})
}

// say writes a verdict into the conditions, and nothing else.
func (r *AgentReconciler) say(ctx context.Context, v *view, m *member, said verdict) error {
	return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) {
		// That a generation was passed over must stay known once this one counts as observed.
		status.Uncertain = m.claims.Uncertain
		said.apply(&status.Conditions, m.mapping.Generation, v.now)
		status.ObservedGeneration = m.mapping.Generation
	})
}

// confirm writes that what is declared is what is applied.
func (r *AgentReconciler) confirm(ctx context.Context, v *view, m *member, said verdict) error {
	return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) {
		applied := m.change.Applied()
		if m.change.Outdated {
			status.AppliedGroups, status.Receiving = asList(applied), receiving(applied)
		}
		if len(applied) == 0 {
			status.Receiving = receiving(applied)
			status.Uncertain = false
			if m.requested != "" && !m.mapping.Spec.Suspend {
				status.LastHandledReconcileAt = m.requested
			}
		}
		said.apply(&status.Conditions, m.mapping.Generation, v.now)
		status.ObservedGeneration = m.mapping.Generation
	})
}

// reportRemoval lets a mapping go that has nothing to tell DeepCall, and says what the others wait for.
func (r *AgentReconciler) reportRemoval(ctx context.Context, v *view, m *member) error {
	if !hasFinalizer(m.mapping, v1alpha1.StopCallsFinalizer) {
		return nil
	}
	if m.claims.Orphan || m.claims.Suspended || m.change.Empty() {
		return r.release(ctx, m)
	}
	if err := r.forget(ctx, m); err != nil {
		return err
	}
	lost := v.account == nil || !v.runtime.CanRemove()
	if !lost && v.standing.Reachable() {
		return nil // a call, past or to come, has the word
	}
	if lost {
		m.wakeBy(v.now.Add(endsWithin)) // nothing tells when its namespace begins to end
		abandoned, err := r.terminating(ctx, m.mapping.Namespace)
		if err != nil {
			return err
		}
		if abandoned {
			return r.abandon(ctx, m)
		}
	}
	verdict := accountNotReady(v.key.Account, m.mapping.Namespace)
	switch {
	case v.account == nil && v.key.Account.Namespace != m.mapping.Namespace:
		verdict = accountNotPermitted()
	case v.account == nil:
		verdict = accountNotFound(v.key.Account.Name)
	}
	return r.say(ctx, v, m, verdict.removing())
}

// sayRemovalsWait adds to the failures that mappings were told of before they were deleted what their deletion waits for,
// when their agent gets no turn now: a Retry-After may hold its account for an hour.
func (r *AgentReconciler) sayRemovalsWait(ctx context.Context, v *view) error {
	var failed []error
	for _, m := range v.members {
		told := meta.FindStatusCondition(m.mapping.Status.Conditions, v1alpha1.ConditionReconciling)
		if !m.claims.Removing || told == nil || told.ObservedGeneration == m.mapping.Generation {
			continue
		}
		waits := verdict{reason: told.Reason, message: told.Message, progress: v1alpha1.ConditionReconciling}
		failed = append(failed, r.say(ctx, v, m, waits.removing()))
	}
	return errors.Join(failed...)
}

// abandon lets a mapping go without telling DeepCall, since nobody can any more. It counts once done.
func (r *AgentReconciler) abandon(ctx context.Context, m *member) error {
	if err := r.release(ctx, m); err != nil {
		return err
	}
	r.Metrics.RemovalsAbandoned.Inc()
	log.FromContext(ctx).Info("the namespace ends and the credentials are gone: released without stopping calls",
		"mapping", client.ObjectKeyFromObject(m.mapping), "groups", m.change.Stops)
	return nil
}

// endsWithin is how long it may take until the end of a namespace is noticed.
const endsWithin = time.Minute

// terminating is true when the namespace is being deleted.
func (r *AgentReconciler) terminating(ctx context.Context, name string) (bool, error) {
	var namespace corev1.Namespace
	err := r.Live.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return false, nil // then a person has to say Orphan
	}
	if err != nil {
		return false, fmt.Errorf("get the namespace: %w", err)
	}
	return namespace.DeletionTimestamp != nil, nil
}

// keepFinalizer holds R6's "only under StopCalls", for a policy that was changed afterwards.
func (r *AgentReconciler) keepFinalizer(ctx context.Context, m *member) error {
	has := hasFinalizer(m.mapping, v1alpha1.StopCallsFinalizer)
	wanted := !m.claims.Orphan && (has || len(m.claims.Applied)+len(m.claims.Attempted) > 0)
	if has == wanted {
		return nil
	}
	return r.patch(ctx, m, func(mapping *v1alpha1.AgentGroupMapping) {
		if wanted {
			controllerutil.AddFinalizer(mapping, v1alpha1.StopCallsFinalizer)
		} else {
			controllerutil.RemoveFinalizer(mapping, v1alpha1.StopCallsFinalizer)
		}
	})
}

// release lets the API server delete the object.
func (r *AgentReconciler) release(ctx context.Context, m *member) error {
	err := r.patch(ctx, m, func(mapping *v1alpha1.AgentGroupMapping) {
		controllerutil.RemoveFinalizer(mapping, v1alpha1.StopCallsFinalizer)
	})
	if apierrors.IsNotFound(err) {
		controllerutil.RemoveFinalizer(m.mapping, v1alpha1.StopCallsFinalizer) // gone already
		return nil
	}
	return err
}

// write changes the status, if there is anything to change, on the very object that was looked at.
func (r *AgentReconciler) write(ctx context.Context, m *member, change func(*v1alpha1.AgentGroupMappingStatus)) error {
	updated := m.mapping.DeepCopy()
	change(&updated.Status)
	if equality.Semantic.DeepEqual(m.mapping.Status, updated.Status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, updated); err != nil {
		return fmt.Errorf("write the status of %s: %w", client.ObjectKeyFromObject(m.mapping), err)
	}
	r.announce(m.mapping, updated)
	r.remember(m, updated)
	return nil
}

// patch changes the metadata of the very object that was looked at.
func (r *AgentReconciler) patch(ctx context.Context, m *member, change func(*v1alpha1.AgentGroupMapping)) error {
	updated := m.mapping.DeepCopy()
	change(updated)
	patch := client.MergeFromWithOptions(m.mapping, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, updated, patch); err != nil {
		return fmt.Errorf("patch %s: %w", client.ObjectKeyFromObject(m.mapping), err)
	}
	r.remember(m, updated)
	return nil
}

func (r *AgentReconciler) remember(m *member, updated *v1alpha1.AgentGroupMapping) {
	lean(updated)
	m.mapping = updated
	r.Written.remember(updated.DeepCopy())
}

func asList(groups plan.Groups) []v1alpha1.AgentGroup {
	list := make([]v1alpha1.AgentGroup, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: groups[id]})
	}
	return list
}

func receiving(groups plan.Groups) string {
	n := 0
	for _, receives := range groups {
		if receives {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(groups))
}
