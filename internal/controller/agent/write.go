package agent

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/transform"
	"github.com/deepcall/deepcall-operator/internal/plan"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// write makes the planned writes, and returns the API server's answers. If one fails, the others are made nevertheless.
func (r *Reconciler) write(ctx context.Context, snap *snapshot, writes []plan.Write) ([]plan.WriteResult, error) {
	var results []plan.WriteResult
	var failed []error
	for _, w := range writes {
		result, err := r.writeMapping(ctx, &snap.Mappings[w.Mapping], w)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		results = append(results, result)
	}
	return results, errors.Join(failed...)
}

func (r *Reconciler) writeMapping(ctx context.Context, m *plan.Mapping, w plan.Write) (plan.WriteResult, error) {
	result := plan.WriteResult{Mapping: w.Mapping, Metadata: w.AddFinalizer || w.RemoveFinalizer, Status: w.Status}
	if result.Metadata {
		if err := r.writeFinalizer(ctx, m, w); err != nil {
			return r.asRejection(ctx, m, result, plan.Metadata, err)
		}
	}
	if w.Status != nil {
		if err := r.writeStatus(ctx, m, w.Status); err != nil {
			return r.asRejection(ctx, m, result, plan.Status, err)
		}
	}
	return result, nil
}

// writeFinalizer adds or removes the finalizer. A mapping that no longer exists counts as released.
func (r *Reconciler) writeFinalizer(ctx context.Context, m *plan.Mapping, w plan.Write) error {
	err := r.patch(ctx, m, func(mapping *v1alpha1.AgentGroupMapping) {
		if w.AddFinalizer {
			controllerutil.AddFinalizer(mapping, v1alpha1.StopCallsFinalizer)
		} else {
			controllerutil.RemoveFinalizer(mapping, v1alpha1.StopCallsFinalizer)
		}
	})
	if apierrors.IsNotFound(err) && m.DeletionTimestamp != nil {
		m.AgentGroupMapping = m.DeepCopy()                                               // an assumed object is shared
		controllerutil.RemoveFinalizer(m.AgentGroupMapping, v1alpha1.StopCallsFinalizer) // deleted already
		err = nil
	}
	if err == nil && len(w.Abandoned) > 0 {
		r.reportAbandoned(ctx, m, w.Abandoned)
	}
	return err
}

// reportAbandoned reports that the agent can still receive calls of the groups of a mapping that was released without a request.
func (r *Reconciler) reportAbandoned(ctx context.Context, m *plan.Mapping, groups []string) {
	r.Metrics.RemovalsAbandoned.Inc()
	log.FromContext(ctx).Info("Released a mapping without removing its groups, since its namespace is being deleted and the credentials are gone: "+
		"the agent can still receive their calls",
		"mapping", client.ObjectKeyFromObject(m), "agent", m.Spec.AgentID, "groups", groups)
	if !r.Tenancy.WatchesLabels() {
		return // an operator of some namespaces has no permission for the namespace of the event
	}
	// The mapping's namespace accepts no events any more. One of the namespace itself is stored in the namespace "default".
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: m.Namespace}}
	summary := reason.RemovalAbandoned(m.Spec.AgentID, groups)
	r.Recorder.Eventf(namespace, m.AgentGroupMapping, corev1.EventTypeWarning, summary.Reason, "Sync", "%s", summary.Message)
}

// writeStatus updates the status of the version in the snapshot.
func (r *Reconciler) writeStatus(ctx context.Context, m *plan.Mapping, status *v1alpha1.AgentGroupMappingStatus) error {
	updated := m.DeepCopy()
	updated.Status = *status.DeepCopy() // the API server's answer is decoded into it
	if err := r.Client.Status().Update(ctx, updated); err != nil {
		return fmt.Errorf("update the status of %s: %w", client.ObjectKeyFromObject(m), err)
	}
	r.recordEvent(m.AgentGroupMapping, updated)
	r.assume(m, updated)
	return nil
}

// patch changes the metadata of the version in the snapshot.
func (r *Reconciler) patch(ctx context.Context, m *plan.Mapping, change func(*v1alpha1.AgentGroupMapping)) error {
	updated := m.DeepCopy()
	change(updated)
	patch, err := metadataPatch(m.AgentGroupMapping, updated)
	if err == nil {
		err = r.Client.Patch(ctx, updated, patch)
	}
	if err != nil {
		return fmt.Errorf("patch %s: %w", client.ObjectKeyFromObject(m), err)
	}
	r.assume(m, updated)
	return nil
}

// metadataPatch returns a patch of the metadata, which the API server accepts only for the version before. Comparing only the
// metadata costs half as much as comparing the objects.
func metadataPatch(before, after *v1alpha1.AgentGroupMapping) (client.Patch, error) {
	from := client.MergeFromWithOptions(&metav1.PartialObjectMetadata{ObjectMeta: before.ObjectMeta}, client.MergeFromWithOptimisticLock{})
	data, err := from.Data(&metav1.PartialObjectMetadata{ObjectMeta: after.ObjectMeta})
	return client.RawPatch(from.Type(), data), err
}

// assume puts the result of a write into this snapshot, and into later ones until the cache has it.
func (r *Reconciler) assume(m *plan.Mapping, updated *v1alpha1.AgentGroupMapping) {
	transform.StripUnused(updated)
	m.AgentGroupMapping = updated
	r.Mappings.Assume(updated)
}

// recordEvent records an event if the mapping's conditions changed in a way that concerns its owner.
func (r *Reconciler) recordEvent(before, after *v1alpha1.AgentGroupMapping) {
	if after.DeletionTimestamp != nil {
		return // a namespace that is being deleted accepts no events
	}
	if eventType, why, note, ok := reason.Transition(before.Status.Conditions, after.Status.Conditions); ok {
		r.Recorder.Eventf(after, nil, eventType, why, "Sync", "%s", note)
	}
}
