package account

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
)

// listClient lists accounts, and calls list before.
type listClient struct {
	client.Client
	accounts []v1alpha1.DeepCallAccount
	list     func()
}

func (c listClient) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	c.list()
	list.(*v1alpha1.DeepCallAccountList).Items = c.accounts
	return nil
}

// After a start, accounts are configured concurrently.
func TestFindDuplicates_while_the_other_account_is_configured(t *testing.T) {
	credentials, err := deepcall.ParseCredentials(map[string][]byte{"ssid": []byte("abc")})
	if err != nil {
		t.Fatal(err)
	}
	dispatcher := dispatch.New(dispatch.Options{
		Clock: clock.RealClock{}, Enqueue: func(v1alpha1.AgentKey) {}, EnqueueAccount: func(types.NamespacedName) {},
	})
	configure := func(name string) {
		dispatcher.Configure(types.NamespacedName{Namespace: "support", Name: name},
			dispatch.Config{UID: types.UID(name), Endpoint: "https://example.com", Client: &deepcall.Client{}, Credentials: credentials})
	}
	account := v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "acme"}}
	other := account
	other.Name = "renamed"
	meta.SetStatusCondition(&account.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionDuplicate, Status: metav1.ConditionTrue})

	configure("acme")
	r := NewReconciler(Options{Dispatcher: dispatcher, Client: listClient{
		accounts: []v1alpha1.DeepCallAccount{account, other},
		list:     func() { configure("renamed") },
	}})
	d, err := r.findDuplicates(t.Context(), &account)
	if err != nil || d.ended || len(d.local) != 1 {
		t.Errorf("got %+v, %v", d, err)
	}
}
