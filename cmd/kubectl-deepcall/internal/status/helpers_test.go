package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// mapping returns a mapping with the UID of its name, whose conditions have had this reason for a time. It has no conditions if the
// reason is empty.
func mapping(b *testenv.MappingBuilder, why string, age time.Duration) *v1alpha1.AgentGroupMapping {
	m := b.In("support").Build()
	m.UID, m.Generation = types.UID(m.Name), 1
	if m.Spec.ResyncInterval == nil {
		m.Spec.ResyncInterval = &metav1.Duration{Duration: time.Hour}
	}
	if why != "" {
		m.Status.ObservedUID, m.Status.ObservedGeneration = m.Name, 1
		reason.SetConditions(&m.Status.Conditions, summary(why), 1, noon.Add(-age))
	}
	return m
}

// account returns an account whose conditions have had this reason for a time.
func account(why string, age time.Duration) *v1alpha1.DeepCallAccount {
	a := testenv.Account("acme", "https://v4-api.deepcall.com").In("support").Build()
	a.UID, a.Generation = "acme", 1
	a.Status.ObservedUID = "acme"
	if why != "" {
		reason.SetConditions(&a.Status.Conditions, summary(why), 1, noon.Add(-age))
	}
	return a
}

func summary(why string) reason.Summary {
	entry, _ := reason.Lookup(why)
	return reason.Summary{Reason: why, Message: entry.Message}
}

// apply sets the groups that DeepCall confirmed at noon, or a time before.
func apply(m *v1alpha1.AgentGroupMapping, age time.Duration, groups ...v1alpha1.AgentGroup) *v1alpha1.AgentGroupMapping {
	at := metav1.NewMicroTime(noon.Add(-age))
	m.Status.AppliedGroups, m.Status.AppliedEndpoint, m.Status.LastSyncTime = groups, "https://v4-api.deepcall.com", &at
	return m
}

func group(id string, receives bool) v1alpha1.AgentGroup {
	return v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receives}
}

// synced returns a mapping whose group 90 was confirmed some time ago.
func synced(age time.Duration) *v1alpha1.AgentGroupMapping {
	return apply(mapping(testenv.Mapping("asha").Group("90", true), v1alpha1.ReasonSynced, age), age, group("90", true))
}
