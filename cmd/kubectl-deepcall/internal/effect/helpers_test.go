package effect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

var now = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// account returns the account acme of namespace support.
func account(changes ...func(*v1alpha1.DeepCallAccount)) *v1alpha1.DeepCallAccount {
	a := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "acme"}}
	a.Spec.Endpoint, a.Spec.CredentialsSecretRef.Name = "https://v4-api.deepcall.com", "acme-deepcall"
	for _, change := range changes {
		change(a)
	}
	return a
}

// mapping returns the manifest of a mapping of account acme, from text such as "asha 7 90=Y 91=N".
func mapping(text string, changes ...func(*v1alpha1.AgentGroupMapping)) *v1alpha1.AgentGroupMapping {
	words := strings.Fields(text)
	m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: words[0]}}
	m.Spec.AccountRef.Name, m.Spec.AgentID, m.Spec.Groups = "acme", words[1], []v1alpha1.AgentGroup{}
	for _, word := range words[2:] {
		id, value, _ := strings.Cut(word, "=")
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: value == "Y"})
	}
	for _, change := range changes {
		change(m)
	}
	return m
}

func orphan(m *v1alpha1.AgentGroupMapping)    { m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan }
func suspended(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = true }

func inNamespace(namespace string) func(*v1alpha1.AgentGroupMapping) {
	return func(m *v1alpha1.AgentGroupMapping) {
		m.Namespace, m.Spec.AccountRef.Namespace = namespace, "support"
	}
}

func objects(mappings ...*v1alpha1.AgentGroupMapping) Objects {
	return Objects{Mappings: mappings, Accounts: []*v1alpha1.DeepCallAccount{account()}}
}

// synced returns objects that the operator has synced a day ago.
func synced(t *testing.T, manifests Objects) Objects {
	t.Helper()
	yesterday := now.AddDate(0, 0, -1)
	created, err := Apply(Objects{}, manifests, yesterday)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Synced(created, Options{Now: yesterday})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// apply returns the objects after mappings were applied.
func apply(t *testing.T, before Objects, mappings ...*v1alpha1.AgentGroupMapping) Objects {
	t.Helper()
	after, err := Apply(before, Objects{Mappings: mappings}, now)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func compute(t *testing.T, before, after Objects) Report {
	t.Helper()
	report, err := Compute(before, after, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// named selects the mappings with a name.
func named(name string) func(*v1alpha1.AgentGroupMapping) bool {
	return func(m *v1alpha1.AgentGroupMapping) bool { return m.Name == name }
}

// describe returns a report as lines.
func describe(r Report) string {
	var lines []string
	for _, g := range r.Groups {
		line := fmt.Sprintf("agent %s group %s: %s", g.AgentID, g.GroupID, g.Kind)
		if g.Reason != "" {
			line += " " + g.Reason
		}
		lines = append(lines, fmt.Sprintf("%s, %s -> %s, %s -> %s", line, yesNo(g.Before), yesNo(g.After), g.OwnerBefore.Name, g.OwnerAfter.Name))
	}
	for _, request := range r.Requests {
		line := fmt.Sprintf("request for %s:", request.Mapping.Name)
		for _, group := range request.Groups {
			line += fmt.Sprintf(" %s=%s", group.GroupID, yesNo(&group.ReceiveCall))
		}
		lines = append(lines, line)
	}
	for _, w := range r.Warnings {
		lines = append(lines, "warning "+string(w.Reason))
	}
	return strings.Join(lines, "\n")
}

func yesNo(value *bool) string {
	switch {
	case value == nil:
		return "-"
	case *value:
		return "Y"
	default:
		return "N"
	}
}
