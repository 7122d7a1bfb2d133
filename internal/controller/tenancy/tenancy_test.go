package tenancy

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestListOptions_cover_everything_that_is_watched(t *testing.T) {
	everything := New(nil, Scope{})
	shard := New(nil, Scope{Namespaces: []string{"support", "sales"}, Selector: labels.SelectorFromSet(labels.Set{"shard": "a"})})
	for name, c := range map[string]struct {
		tenancy Tenancy
		want    []string
	}{
		"everything":                {everything, []string{" "}},
		"a shard of two namespaces": {shard, []string{"support shard=a", "sales shard=a"}},
	} {
		var lists []string
		for _, options := range c.tenancy.ListOptions() {
			listed := (&client.ListOptions{}).ApplyOptions(options)
			selector := ""
			if listed.LabelSelector != nil {
				selector = listed.LabelSelector.String()
			}
			lists = append(lists, listed.Namespace+" "+selector)
		}
		if !slices.Equal(lists, c.want) {
			t.Errorf("%s: lists %q, want %q", name, lists, c.want)
		}
	}
}

func TestPermits_treats_a_missing_account_as_a_new_one(t *testing.T) {
	name := types.NamespacedName{Namespace: "support", Name: "acme"}
	created := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	for _, account := range []*v1alpha1.DeepCallAccount{nil, created} {
		for namespace, want := range map[string]bool{"support": true, "sales": false} {
			if got, err := New(nil, Scope{}).Permits(t.Context(), name, account, namespace); got != want || err != nil {
				t.Errorf("%s, with the account %v: %t, %v", namespace, account != nil, got, err)
			}
		}
	}
}

func TestValidate_rejects_accounts_that_unreadable_mappings_can_use(t *testing.T) {
	restricted := New(nil, Scope{Namespaces: []string{"support"}, Unreadable: true})
	for from, want := range map[v1alpha1.NamespacesFrom]string{
		v1alpha1.NamespacesFromSame: "", v1alpha1.NamespacesFromAll: v1alpha1.ReasonNamespaceUnreadable,
	} {
		if got, _ := restricted.Validate(v1alpha1.AllowedNamespaces{From: from}); got.Reason != want {
			t.Errorf("%s: got %q, want %q", from, got.Reason, want)
		}
	}
}
