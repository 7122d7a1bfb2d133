package effect

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestDeleteAccounts(t *testing.T) {
	for name, c := range map[string]struct {
		before  Objects // synced before the change
		applied []*v1alpha1.AgentGroupMapping
		deletes string // name of a mapping
		want    string // as of describe
	}{
		"removes the groups of mappings that are deleted together with the account": {
			before: objects(mapping("asha 7 90=Y 91=N")), deletes: "asha",
			want: `agent 7 group 90: stops, Y -> N, asha -> 
				agent 7 group 91: unchanged, N -> N, asha -> 
				request for asha: 90=N 91=N
				warning AgentWithoutCalls
				warning DeletionStopsCalls
				warning GroupWithoutReceiver`,
		},
		"keeps an account that mappings still use, and sends nothing for new ones": {
			before: objects(mapping("asha 7 90=Y")), applied: []*v1alpha1.AgentGroupMapping{mapping("ben 8 90=Y")},
			want: `agent 7 group 90: unchanged, Y -> Y, asha -> asha
				agent 8 group 90: pending AccountNotReady, - -> -,  -> 
				warning AccountTerminating`,
		},
		"deletes an account that no mapping needs": {
			before: objects(mapping("asha 7 90=Y", orphan)),
			want:   "agent 7 group 90: unchanged, Y -> Y, asha -> asha\nwarning AccountNotFound",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := synced(t, c.before)
			after := apply(t, before, c.applied...).Delete(now, named(c.deletes))
			after = after.DeleteAccounts(now, func(*v1alpha1.DeepCallAccount) bool { return true })
			if got, want := describe(compute(t, before, after)), strings.ReplaceAll(c.want, "\t", ""); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if before.Accounts[0].DeletionTimestamp != nil {
				t.Error("the account before the change was changed")
			}
		})
	}
}

func TestCompute_warns_about_agents_of_two_accounts_that_are_the_same(t *testing.T) {
	inAccount := func(name string) func(*v1alpha1.AgentGroupMapping) {
		return func(m *v1alpha1.AgentGroupMapping) { m.Spec.AccountRef.Name = name }
	}
	other := func(endpoint, secret string) *v1alpha1.DeepCallAccount {
		return account(func(a *v1alpha1.DeepCallAccount) {
			a.Name, a.Spec.Endpoint, a.Spec.CredentialsSecretRef.Name = "other", endpoint, secret
		})
	}
	const endpoint = "https://v4-api.deepcall.com/"
	for name, c := range map[string]struct {
		before  *v1alpha1.AgentGroupMapping
		other   *v1alpha1.DeepCallAccount
		applied *v1alpha1.AgentGroupMapping
		renames bool // deletes the account and the mapping
		hash    string
		want    bool
	}{
		"of one Secret":             {mapping("asha 7 90=Y"), other(endpoint, "acme-deepcall"), mapping("new 7 90=Y", inAccount("other")), false, "", true},
		"of one that is renamed":    {mapping("asha 7 90=Y"), other(endpoint, "new"), mapping("new 7 90=Y", inAccount("other")), true, "", true},
		"not of another Secret":     {mapping("asha 7 90=Y"), other(endpoint, "new"), mapping("new 7 90=Y", inAccount("other")), false, "", false},
		"not of another endpoint":   {mapping("asha 7 90=Y"), other("https://other.example", "acme-deepcall"), mapping("new 7 90=Y", inAccount("other")), true, "", false},
		"not of another agent":      {mapping("asha 7 90=Y"), other(endpoint, "acme-deepcall"), mapping("new 8 90=Y", inAccount("other")), true, "", false},
		"not of suspended mappings": {mapping("asha 7 90=Y"), other(endpoint, "acme-deepcall"), mapping("new 7 90=Y", inAccount("other"), suspended), true, "", false},
		"not if nothing changes":    {mapping("asha 7 90=Y"), other(endpoint, "acme-deepcall"), mapping("asha 7 90=Y"), false, "", false},
		"of another Secret with the same user": {
			mapping("asha 7 90=Y"), other(endpoint, "new"), mapping("new 7 90=Y", inAccount("other")), false, "same", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			manifests := objects(c.before, mapping("last 9 90=Y", inAccount("other")))
			manifests.Accounts = append(manifests.Accounts, c.other)
			before := synced(t, manifests)
			for _, m := range before.Mappings {
				m.Status.AppliedUserHash = c.hash
			}
			after := apply(t, before, c.applied)
			if c.renames {
				after = after.Delete(now, named("asha"))
				after = after.DeleteAccounts(now, func(a *v1alpha1.DeepCallAccount) bool { return a.Name == "acme" })
			}
			got := describe(compute(t, before, after))
			if strings.Contains(got, "warning DuplicateAccount") != c.want {
				t.Errorf("got\n%s", got)
			}
			for _, a := range after.Accounts {
				a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDuplicate}}
			}
			got = describe(compute(t, before, after))
			if c.want && strings.Count(got, "warning DuplicateAccount") > 2 {
				t.Errorf("got\n%s\nif the statuses report it", got)
			}
		})
	}
}
