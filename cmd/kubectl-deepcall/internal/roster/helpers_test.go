package roster

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// builder builds a mapping with a status: withStatus(testenv.Mapping("asha")).confirmed("90", true).
type builder struct{ v1alpha1.AgentGroupMapping }

func withStatus(mapping *testenv.MappingBuilder) *builder {
	b := &builder{*mapping.In("support").Build()}
	b.Generation = 1
	return b
}

// synced confirms all declared groups.
func (b *builder) synced() *builder {
	for _, group := range b.Spec.Groups {
		b.confirmed(group.GroupID, group.ReceiveCall)
	}
	return b.condition(metav1.ConditionTrue, v1alpha1.ReasonSynced, "DeepCall confirmed the declared groups")
}

func (b *builder) confirmed(group string, receives bool) *builder {
	at := metav1.NewMicroTime(noon)
	b.Status.LastSyncTime, b.Status.AppliedEndpoint = &at, "https://v4-api.deepcall.com"
	b.Status.AppliedGroups = append(b.Status.AppliedGroups, v1alpha1.AgentGroup{GroupID: group, ReceiveCall: receives})
	return b
}

func (b *builder) notReady(reason, message string) *builder {
	return b.condition(metav1.ConditionFalse, reason, message)
}

func (b *builder) condition(status metav1.ConditionStatus, reason, message string) *builder {
	b.Status.ObservedGeneration = b.Generation
	b.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: message, ObservedGeneration: b.Generation,
	}}
	return b
}

// edited changes the spec. The operator has not reconciled the change yet.
func (b *builder) edited(groups ...v1alpha1.AgentGroup) *builder {
	b.Generation++
	b.Spec.Groups = groups
	return b
}

func (b *builder) deleting() *builder {
	b.Generation++
	at := metav1.NewTime(noon)
	b.DeletionTimestamp = &at
	return b
}

// copied gives the status to another mapping.
func (b *builder) copied() *builder {
	b.UID = "another"
	return b
}

func (b *builder) uncertain() *builder {
	b.Status.Uncertain = true
	return b
}

// nowRejected makes DeepCall reject the groups that it confirmed before.
func (b *builder) nowRejected() *builder {
	b.Status.AppliedEndpoint = ""
	return b
}

func mappings(builders ...*builder) []*v1alpha1.AgentGroupMapping {
	mappings := make([]*v1alpha1.AgentGroupMapping, len(builders))
	for i, b := range builders {
		mappings[i] = &b.AgentGroupMapping
	}
	return mappings
}
