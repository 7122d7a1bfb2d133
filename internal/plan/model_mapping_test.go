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

// change changes the object as a user does: in a copy, as a new generation.
func (m *mapping) change(change func(*v1alpha1.AgentGroupMapping)) {
	m.AgentGroupMapping = m.DeepCopy()
	change(m.AgentGroupMapping)
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
	m.suspend(paused)
	m.Generation--
}

// resync requests a resync.
func (m *mapping) resync(at time.Time) {
	m.change(func(object *v1alpha1.AgentGroupMapping) {
		object.Generation--
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, at.Format(time.RFC3339Nano))
	})
}

// markRejected sets the conditions of a mapping whose generation DeepCall rejected.
func (m *mapping) markRejected() {
	m.AgentGroupMapping = m.DeepCopy()
	m.Status.ObservedUID = string(m.UID)
	reason.SetConditions(&m.Status.Conditions, reason.FromError(failure(invalidGroup)), m.Generation, day(1))
}

func (m *mapping) clearRejection() {
	m.AgentGroupMapping = m.DeepCopy()
	m.Status.Conditions = nil
}

// addPending records groups that a request without an answer may have added.
func (m *mapping) addPending(adds ...string) {
	m.AgentGroupMapping = m.DeepCopy()
	metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, Record(m.AgentGroupMapping, adds))
}

func (m *mapping) isRejected() bool { return reason.Rejected(m.Status.Conditions, m.Generation) }
func (m *mapping) applied() Groups  { return toGroups(m.Status.AppliedGroups) }
func (m *mapping) desired() Groups  { return toGroups(m.Spec.Groups) }

// erase removes what kubectl replace removes: annotations and finalizers.
func (m *mapping) erase() {
	m.AgentGroupMapping = m.DeepCopy()
	m.Annotations, m.Finalizers = nil, nil
}
