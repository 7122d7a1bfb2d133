package account

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
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
	e := newConfigEnv(t, v1alpha1.CABundleReference{})
	account, other := *e.account.DeepCopy(), *e.account.DeepCopy()
	other.Name, other.UID = "renamed", "2"
	meta.SetStatusCondition(&account.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionDuplicate, Status: metav1.ConditionTrue})
	config := e.configure()
	config.UID = other.UID
	e.Client = listClient{
		accounts: []v1alpha1.DeepCallAccount{account, other},
		list:     func() { e.Dispatcher.Configure(client.ObjectKeyFromObject(&other), config) },
	}
	d, err := e.findDuplicates(t.Context(), &account)
	if err != nil || d.ended || len(d.local) != 1 {
		t.Errorf("got %+v, %v", d, err)
	}
}
