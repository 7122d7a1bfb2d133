package plan

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// mapping is a mapping in the API server.
type mapping struct {
	*v1alpha1.AgentGroupMapping
	// gone reports whether it was deleted.
	gone bool
	// forbidden reports whether the account does not allow its namespace.
	forbidden bool
}

func newMapping(name string, age int, desired string) *mapping {
	object := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "support", UID: types.UID(name), Generation: 1, CreationTimestamp: metav1.NewTime(day(age)),
	}}
	object.Spec.AgentID = "7"
	object.Spec.AccountRef.Name = "acme"
	object.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls
	object.Spec.Groups = fromGroups(groups(desired))
	object.Status.ObservedGeneration = -1
	return &mapping{AgentGroupMapping: object}
}

// update writes the object: in a copy, since others hold the version before.
func (m *mapping) update(write func(*v1alpha1.AgentGroupMapping)) {
	m.AgentGroupMapping = m.DeepCopy()
	write(m.AgentGroupMapping)
}

// change changes the spec as a user does: as a new generation.
func (m *mapping) change(change func(*v1alpha1.AgentGroupMapping)) {
	m.update(change)
	m.Generation++
}

func (m *mapping) edit(desired string) {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.Spec.Groups = fromGroups(groups(desired)) })
}

func (m *mapping) suspend(suspended bool) {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.Spec.Suspend = suspended })
}

func (m *mapping) orphan() {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan })
}

func (m *mapping) delete(now time.Time) {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.DeletionTimestamp = &metav1.Time{Time: now} })
}

// pause stops requests for the mapping, as a back-off does: the generation stays.
func (m *mapping) pause(paused bool) {
	m.update(func(object *v1alpha1.AgentGroupMapping) { object.Spec.Suspend = paused })
}

// resync requests a resync.
func (m *mapping) resync(at time.Time) {
	m.annotate(v1alpha1.ReconcileRequestedAtAnnotation, at.Format(time.RFC3339Nano))
}

// addPending records groups that a request without an answer may have added.
func (m *mapping) addPending(adds ...string) {
	m.annotate(v1alpha1.AttemptedGroupsAnnotation, Record(m.AgentGroupMapping, adds))
}

func (m *mapping) annotate(annotation, value string) {
	m.update(func(object *v1alpha1.AgentGroupMapping) {
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, annotation, value)
	})
}

// markRejected sets the conditions of a mapping whose generation DeepCall rejected.
func (m *mapping) markRejected() {
	m.update(func(object *v1alpha1.AgentGroupMapping) {
		object.Status.ObservedUID = string(m.UID)
		reason.SetConditions(&object.Status.Conditions, reason.FromError(failure(invalidGroup)), m.Generation, day(1))
	})
}

// erase removes what kubectl replace removes: annotations and finalizers.
func (m *mapping) erase() {
	m.update(func(object *v1alpha1.AgentGroupMapping) { object.Annotations, object.Finalizers = nil, nil })
}

// summary returns what the condition Ready states of this generation.
func (m *mapping) summary() reason.Summary { return reason.Of(m.Status.Conditions, m.Generation) }

func (m *mapping) isRejected() bool { return reason.Rejected(m.Status.Conditions, m.Generation) }
func (m *mapping) applied() Groups  { return toGroups(m.Status.AppliedGroups) }
func (m *mapping) desired() Groups  { return toGroups(m.Spec.Groups) }
