package roster

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// made is a mapping with a status, in the making: a(testenv.Mapping("asha")).confirmed("90", true).
type made struct{ v1alpha1.AgentGroupMapping }

func a(builder *testenv.MappingBuilder) *made {
	m := &made{*builder.In("support").Build()}
	m.Generation = 1
	return m
}

// synced is the mapping with all that it declares confirmed.
func (m *made) synced() *made {
	for _, group := range m.Spec.Groups {
		m.confirmed(group.GroupID, group.ReceiveCall)
	}
	return m.ready(v1alpha1.ReasonSynced, "DeepCall confirmed the declared groups")
}

func (m *made) confirmed(group string, receives bool) *made {
	at := metav1.NewMicroTime(noon)
	m.Status.LastSyncTime, m.Status.AppliedEndpoint = &at, "https://v4-api.deepcall.com"
	m.Status.AppliedGroups = append(m.Status.AppliedGroups, v1alpha1.AgentGroup{GroupID: group, ReceiveCall: receives})
	return m
}

func (m *made) ready(reason, message string) *made {
	return m.condition(metav1.ConditionTrue, reason, message)
}

func (m *made) notReady(reason, message string) *made {
	return m.condition(metav1.ConditionFalse, reason, message)
}

func (m *made) condition(status metav1.ConditionStatus, reason, message string) *made {
	m.Status.ObservedGeneration = m.Generation
	m.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: message, ObservedGeneration: m.Generation,
	}}
	return m
}

// edited is the mapping once its spec is another, and nobody has looked at it yet.
func (m *made) edited(groups ...v1alpha1.AgentGroup) *made {
	m.Generation++
	m.Spec.Groups = groups
	return m
}

func (m *made) deleting() *made {
	m.Generation++
	at := metav1.NewTime(noon)
	m.DeletionTimestamp = &at
	return m
}

func (m *made) uncertain() *made {
	m.Status.Uncertain = true
	return m
}

// refusedSince is the mapping once DeepCall refuses what it confirmed before.
func (m *made) refusedSince() *made {
	m.Status.AppliedEndpoint = ""
	return m
}

func all(made ...*made) []v1alpha1.AgentGroupMapping {
	mappings := make([]v1alpha1.AgentGroupMapping, len(made))
	for i, m := range made {
		mappings[i] = m.AgentGroupMapping
	}
	return mappings
}
