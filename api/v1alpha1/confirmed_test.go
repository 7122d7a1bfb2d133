package v1alpha1

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// confirmed returns a mapping of a namespace for which DeepCall confirmed group 90 at a minute, 0 for never.
func confirmed(namespace string, created, minute int, receives bool) *AgentGroupMapping {
	m := &AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "asha", UID: types.UID(namespace), CreationTimestamp: metav1.Unix(int64(created), 0),
	}}
	m.Status.ObservedUID = namespace
	m.Status.AppliedGroups = []AgentGroup{{GroupID: "90", ReceiveCall: receives}}
	if minute > 0 {
		m.Status.LastSyncTime = &metav1.MicroTime{Time: time.Unix(int64(60*minute), 0)}
	}
	return m
}

func TestConfirmedGroups(t *testing.T) {
	copied := confirmed("copied", 1, 9, false)
	copied.Status.ObservedUID = "support"
	other := confirmed("other", 1, 9, false)
	other.Status.AppliedGroups[0].GroupID = "91"
	for name, mappings := range map[string][]*AgentGroupMapping{ // the first one owns group 90
		"one mapping":                             {confirmed("support", 1, 0, true)},
		"the one that was confirmed last":         {confirmed("support", 2, 3, true), confirmed("sales", 1, 2, false), confirmed("night", 1, 0, false)},
		"the older one of those of the same time": {confirmed("support", 1, 2, true), confirmed("sales", 2, 2, false)},
		"the older one of those without a time":   {confirmed("support", 1, 0, true), confirmed("sales", 2, 0, false)},
		"the first one by name of the same age":   {confirmed("sales", 1, 2, true), confirmed("support", 1, 2, false)},
		"by name with the namespace":              {confirmed("a-b", 1, 2, true), confirmed("a", 1, 2, false)},
		"not one with a copied status":            {confirmed("support", 2, 2, true), copied},
		"not one that applied another group":      {confirmed("support", 2, 2, true), other},
	} {
		t.Run(name, func(t *testing.T) {
			owner := mappings[0]
			for range 2 {
				if got := ConfirmedGroups(mappings)["90"]; got.Owner != owner || !got.ReceiveCall {
					t.Errorf("got %+v", got)
				}
				slices.Reverse(mappings)
			}
		})
	}
	if got := ConfirmedGroups([]*AgentGroupMapping{copied}); len(got) > 0 {
		t.Errorf("got %v of a copied status", got)
	}
}

func TestWithoutCopiedStatus(t *testing.T) {
	m := confirmed("support", 1, 1, true)
	if m.WithoutCopiedStatus() != m {
		t.Error("a mapping with a status of its own changes")
	}
	m.UID = "another"
	got := m.WithoutCopiedStatus()
	if got.UID != m.UID || len(got.Status.AppliedGroups) > 0 || got.Status.ObservedGeneration != -1 {
		t.Errorf("got %+v", got)
	}
	if len(m.Status.AppliedGroups) == 0 {
		t.Error("the mapping itself changes")
	}
}
