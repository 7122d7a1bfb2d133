package effect

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestCompute(t *testing.T) {
	manifests := func(mappings ...*v1alpha1.AgentGroupMapping) Objects { return Objects{Mappings: mappings} }
	requested := func(m *v1alpha1.AgentGroupMapping) {
		m.Annotations = map[string]string{v1alpha1.ReconcileRequestedAtAnnotation: "2026-03-01T08:00:00Z"}
	}
	for name, c := range map[string]struct {
		before    Objects // synced before the change
		manifests Objects
		deletes   string // name of a mapping
		want      string // as of describe
	}{
		"reports nothing if nothing changes": {before: objects(mapping("asha 7 90=Y")), manifests: manifests(mapping("asha 7 90=Y"))},
		"starts the calls of a new mapping": {
			before: objects(), manifests: manifests(mapping("asha 7 90=Y 91=N")),
			want: `agent 7 group 90: starts, - -> Y,  -> asha
				agent 7 group 91: unchanged, - -> N,  -> asha
				request for asha: 90=Y 91=N`,
		},
		"starts and stops calls of an edited mapping": {
			before: objects(mapping("asha 7 90=Y 91=N 92=Y"), mapping("ben 8 90=Y")), manifests: manifests(mapping("asha 7 90=N 91=Y 92=Y")),
			want: `agent 7 group 90: stops, Y -> N, asha -> asha
				agent 7 group 91: starts, N -> Y, asha -> asha
				agent 7 group 92: unchanged, Y -> Y, asha -> asha
				request for asha: 90=N 91=Y 92=Y`,
		},
		"stops the calls of a group that is no longer declared": {
			before: objects(mapping("asha 7 9=Y 10=Y"), mapping("ben 8 10=Y")), manifests: manifests(mapping("asha 7 9=Y")),
			want: `agent 7 group 9: unchanged, Y -> Y, asha -> asha
				agent 7 group 10: stops, Y -> N, asha -> 
				request for asha: 9=Y 10=N`,
		},
		"leaves a group that is no longer declared under Orphan": {
			before: objects(mapping("asha 7 90=Y 91=N", orphan)), manifests: manifests(mapping("asha 7", orphan)),
			want: `agent 7 group 90: orphaned, Y -> Y, asha -> 
				agent 7 group 91: unchanged, N -> N, asha -> 
				warning Orphaned`,
		},
		"carries the groups of other mappings": {
			before: objects(mapping("asha 7 90=Y"), mapping("night 7 91=N")), manifests: manifests(mapping("asha 7 90=Y 92=Y")),
			want: `agent 7 group 90: unchanged, Y -> Y, asha -> asha
				agent 7 group 91: unchanged, N -> N, night -> night
				agent 7 group 92: starts, - -> Y,  -> asha
				request for asha: 90=Y 91=N 92=Y`,
		},
		"stops the calls of a deleted mapping": {
			before: objects(mapping("asha 7 90=Y 91=Y"), mapping("ben 8 91=Y")), deletes: "asha",
			want: `agent 7 group 90: stops, Y -> N, asha -> 
				agent 7 group 91: stops, Y -> N, asha -> 
				request for asha: 90=N 91=N
				warning AgentWithoutCalls
				warning DeletionStopsCalls
				warning GroupWithoutReceiver`,
		},
		"leaves the groups of a deleted mapping under Orphan": {
			before: objects(mapping("asha 7 90=Y", orphan)), deletes: "asha",
			want: "agent 7 group 90: orphaned, Y -> Y, asha -> \nwarning Orphaned",
		},
		"leaves the groups of a deleted mapping that is suspended": {
			before: objects(mapping("asha 7 90=Y")), manifests: manifests(mapping("asha 7 90=Y", suspended)), deletes: "asha",
			want: "agent 7 group 90: orphaned, Y -> Y, asha -> \nwarning Orphaned",
		},
		"hands the groups of a renamed mapping over": {
			before: objects(mapping("asha 7 90=Y 91=N")), manifests: manifests(mapping("agent-7 7 90=Y 91=N")), deletes: "asha",
			want: `agent 7 group 90: handed over, Y -> Y, asha -> agent-7
				agent 7 group 91: handed over, N -> N, asha -> agent-7
				request for agent-7: 90=Y 91=N
				warning RenamedMapping`,
		},
		"stops the calls that a renamed mapping does not declare": {
			before: objects(mapping("asha 7 90=Y 91=Y"), mapping("ben 8 91=Y")), manifests: manifests(mapping("agent-7 7 90=Y")), deletes: "asha",
			want: `agent 7 group 90: handed over, Y -> Y, asha -> agent-7
				agent 7 group 91: stops, Y -> N, asha -> 
				request for asha: 90=Y 91=N
				request for agent-7: 90=Y
				warning DeletionStopsCalls
				warning RenamedMapping`,
		},
		"reports a conflict if a renamed mapping is not deleted": {
			before: objects(mapping("asha 7 90=Y 91=Y")), manifests: manifests(mapping("agent-7 7 90=Y 91=N 92=Y")),
			want: `agent 7 group 90: conflict, Y -> Y, asha -> asha
				agent 7 group 91: conflict, Y -> Y, asha -> asha
				agent 7 group 92: starts, - -> Y,  -> agent-7
				request for agent-7: 90=Y 91=Y 92=Y
				warning Conflict`,
		},
		"sends nothing for a new mapping that is suspended": {
			before: objects(), manifests: manifests(mapping("asha 7 90=Y", suspended)),
			want: "agent 7 group 90: pending Suspended, - -> -,  -> ",
		},
		"sends nothing for an edit of a suspended mapping": {
			before: objects(mapping("asha 7 90=Y 91=Y")), manifests: manifests(mapping("asha 7 90=N", suspended)),
			want: `agent 7 group 90: pending Suspended, Y -> Y, asha -> asha
				agent 7 group 91: pending Suspended, Y -> Y, asha -> asha`,
		},
		"warns about an account that does not exist": {
			manifests: manifests(mapping("asha 7 90=Y")),
			want:      "agent 7 group 90: pending AccountNotFound, - -> -,  -> \nwarning AccountNotFound",
		},
		"warns about an account that does not permit the namespace": {
			before: objects(), manifests: manifests(mapping("asha 7 90=Y", inNamespace("sales"))),
			want: "agent 7 group 90: pending AccountNotPermitted, - -> -,  -> \nwarning AccountNotPermitted",
		},
		"creates the account together with its mappings": {
			manifests: objects(mapping("asha 7 90=Y")),
			want:      "agent 7 group 90: starts, - -> Y,  -> asha\nrequest for asha: 90=Y",
		},
		"sends all groups of all agents to another endpoint": {
			before:    objects(mapping("asha 7 90=Y"), mapping("ben 8 90=N")),
			manifests: Objects{Accounts: []*v1alpha1.DeepCallAccount{account(func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = "https://other.example" })}},
			want: `agent 7 group 90: unchanged, Y -> Y, asha -> asha
				agent 8 group 90: unchanged, N -> N, ben -> ben
				request for asha: 90=Y
				request for ben: 90=N
				warning TargetChanges`,
		},
		"ignores the limits of an account": {
			before:    objects(mapping("asha 7 90=Y")),
			manifests: Objects{Accounts: []*v1alpha1.DeepCallAccount{account(func(a *v1alpha1.DeepCallAccount) { a.Spec.Limits.Burst = 5 })}},
		},
		"ignores defaults that the manifest of an account omits": {
			before: Objects{
				Mappings: []*v1alpha1.AgentGroupMapping{mapping("asha 7 90=Y")},
				Accounts: []*v1alpha1.DeepCallAccount{account(func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromSame })},
			},
			manifests: Objects{Accounts: []*v1alpha1.DeepCallAccount{account()}},
		},
		"sends a requested resync": {
			before: objects(mapping("asha 7 90=Y")), manifests: manifests(mapping("asha 7 90=Y", requested)),
			want: "agent 7 group 90: unchanged, Y -> Y, asha -> asha\nrequest for asha: 90=Y",
		},
	} {
		t.Run(name, func(t *testing.T) {
			report := effectOf(t, c.before, c.manifests, c.deletes)
			want := strings.ReplaceAll(c.want, "\t", "")
			if got := describe(report); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if hasEffect := c.want != ""; report.HasEffect() != hasEffect {
				t.Errorf("HasEffect is %v", report.HasEffect())
			}
		})
	}
}

func TestCompute_finds_the_owner_among_mappings_with_the_same_group(t *testing.T) {
	owner := synced(t, objects(mapping("asha 7 90=Y"))).Mappings[0]
	younger, copied := owner.DeepCopy(), owner.DeepCopy()
	younger.Name, younger.UID, younger.Status.ObservedUID = "aaa", "younger", "younger"
	younger.CreationTimestamp.Time = now
	younger.Status.AppliedGroups[0].ReceiveCall = false
	copied.Name, copied.UID = "copy", "copied"
	copied.Status.LastSyncTime.Time = now
	for _, other := range []*v1alpha1.AgentGroupMapping{younger, copied} {
		for _, mappings := range [][]*v1alpha1.AgentGroupMapping{{owner, other}, {other, owner}} {
			before := objects(mappings...)
			after := before.Delete(now, func(m *v1alpha1.AgentGroupMapping) bool { return m == other })
			if got, want := describe(compute(t, before, after)), "agent 7 group 90: unchanged, Y -> Y, asha -> asha"; got != want {
				t.Errorf("with %s: got\n%s\nwant\n%s", other.Name, got, want)
			}
		}
	}
}

func TestCompute_assumes_that_an_account_exists_that_could_not_be_read(t *testing.T) {
	after := apply(t, Objects{}, mapping("asha 7 90=Y", inNamespace("sales")))
	var asked []types.NamespacedName
	report, err := Compute(Objects{}, after, Options{Now: now, MayExist: func(account types.NamespacedName) bool {
		asked = append(asked, account)
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(report), "agent 7 group 90: starts, - -> Y,  -> asha\nrequest for asha: 90=Y"; got != want || asked[0].String() != "support/acme" {
		t.Errorf("got\n%s\nfor %v", got, asked)
	}
}

func TestCompute_selects_namespaces_by_label(t *testing.T) {
	selects := account(func(a *v1alpha1.DeepCallAccount) {
		a.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "sales"}},
		}
	})
	for namespace, permitted := range map[string]bool{"labelled": true, "other": false, "unknown": true} {
		before := Objects{
			Accounts:   []*v1alpha1.DeepCallAccount{selects},
			Namespaces: map[string]map[string]string{"labelled": {"team": "sales"}, "other": {}},
		}
		after := apply(t, before, mapping("asha 7 90=Y", inNamespace(namespace)))
		if got := len(compute(t, before, after).Requests) == 1; got != permitted {
			t.Errorf("namespace %s: permitted is %v, want %v", namespace, got, permitted)
		}
	}
}

func TestApply_rejects_changes_of_immutable_fields(t *testing.T) {
	before := synced(t, objects(mapping("asha 7 90=Y"), mapping("ben 8 90=Y")))
	other := mapping("ben 8 90=Y", func(m *v1alpha1.AgentGroupMapping) { m.Spec.AccountRef.Name = "other" })
	_, err := Apply(before, Objects{Mappings: []*v1alpha1.AgentGroupMapping{mapping("asha 9 90=Y"), other}}, now)
	want := "mapping support/asha: spec.agentID is immutable, and changes from 7 to 9; delete the mapping and create it for the other agent\n" +
		"mapping support/ben: spec.accountRef is immutable, and changes from support/acme to support/other; create a mapping with another name and the other account: see docs/how-to/change-account.md"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestApply_does_not_change_its_arguments(t *testing.T) {
	before := synced(t, objects(mapping("asha 7 90=Y")))
	generation := before.Mappings[0].Generation
	after := apply(t, before, mapping("asha 7 90=N"), mapping("ben 8 90=Y"))
	compute(t, before, after.Delete(now, func(*v1alpha1.AgentGroupMapping) bool { return true }))
	m := before.Mappings[0]
	if len(before.Mappings) != 1 || m.Generation != generation || !m.Spec.Groups[0].ReceiveCall || m.DeletionTimestamp != nil || !m.Status.AppliedGroups[0].ReceiveCall {
		t.Errorf("the objects before are %+v", before.Mappings)
	}
}

func TestComputeWarnsAboutAnAccountThatSharesItsUser(t *testing.T) {
	before := objects()
	before.Accounts[0].Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDuplicate, Message: "This account shares its endpoint"}}
	got := compute(t, before, apply(t, before, mapping("asha 7 90=Y"))).Warnings
	if len(got) != 1 || got[0].Message != "account support/acme: This account shares its endpoint" {
		t.Errorf("got %v", got)
	}
}

// effectOf returns the effect of manifests, and of the deletion of the mapping with a name, on synced objects.
func effectOf(t *testing.T, objects, manifests Objects, deletes string) Report {
	t.Helper()
	before := synced(t, objects)
	after, err := Apply(before, manifests, now)
	if err != nil {
		t.Fatal(err)
	}
	return compute(t, before, after.Delete(now, named(deletes)))
}
