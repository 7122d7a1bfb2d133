package controller

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// server is what the API server holds, and counts how often it is asked.
type server struct {
	mapping *v1alpha1.AgentGroupMapping // nil when there is none
	account *v1alpha1.DeepCallAccount
	fails   error
	asked   int
}

func (s *server) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.asked++
	account, is := obj.(*v1alpha1.DeepCallAccount)
	switch {
	case s.fails != nil:
		return s.fails
	case !is || s.account == nil || s.account.Name != key.Name:
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	s.account.DeepCopyInto(account)
	return nil
}

func (s *server) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	s.asked++
	mappings, is := list.(*v1alpha1.AgentGroupMappingList)
	switch {
	case !is:
		return fmt.Errorf("a list of %T", list)
	case s.mapping != nil:
		mappings.Items = append(mappings.Items, *s.mapping)
	}
	return s.fails
}

func everything(client.Object) bool { return true }

func TestACallIsMadeFromWhatTheAPIServerHas(t *testing.T) {
	mapping := func(uid types.UID, version string) *v1alpha1.AgentGroupMapping {
		return &v1alpha1.AgentGroupMapping{
			ObjectMeta: metav1.ObjectMeta{Name: "asha", UID: uid, ResourceVersion: version},
			Spec:       v1alpha1.AgentGroupMappingSpec{AccountRef: v1alpha1.AccountReference{Name: "acme"}, AgentID: "7"},
		}
	}
	account := func(generation int64) *v1alpha1.DeepCallAccount {
		return &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Name: "acme", UID: "a", Generation: generation}}
	}
	down := errors.New("the API server is down")
	cases := map[string]struct {
		live  server
		want  error
		asked int // by two attempts
	}{
		"the cache is current, which is asked once": {server{mapping: mapping("1", "5"), account: account(1)}, nil, 2},
		"the mapping is newer":                      {server{mapping: mapping("1", "6"), account: account(1)}, errNotCurrent, 2},
		"another mapping has its name by now":       {server{mapping: mapping("2", "6"), account: account(1)}, errNotCurrent, 2},
		"the mapping is gone":                       {server{account: account(1)}, errNotCurrent, 2},
		"the account is newer":                      {server{mapping: mapping("1", "5"), account: account(2)}, errNotCurrent, 3},
		"the account is gone":                       {server{mapping: mapping("1", "5")}, errNotCurrent, 3},
		"nobody can tell":                           {server{mapping: mapping("1", "5"), account: account(1), fails: down}, down, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := &AgentReconciler{Live: &c.live, Written: newWritten(everything)}
			cached := mapping("1", "5")
			v := &view{key: agentOf(cached), account: account(1), members: []*member{{mapping: cached}}}
			for range 2 {
				if err := r.assertCurrent(t.Context(), v); !errors.Is(err, c.want) {
					t.Errorf("%v instead of %v", err, c.want)
				}
			}
			if c.live.asked != c.asked {
				t.Errorf("the API server was asked %d times instead of %d", c.live.asked, c.asked)
			}
		})
	}

	t.Run("what this process wrote is current", func(t *testing.T) {
		live := &server{mapping: mapping("1", "6"), account: account(1)}
		r := &AgentReconciler{Live: live, Written: newWritten(everything)}
		cached := mapping("1", "5")
		v := &view{key: agentOf(cached), account: account(1), members: []*member{{mapping: cached}}}
		r.Written.remember(cached)
		if err := r.assertCurrent(t.Context(), v); err != nil {
			t.Error(err)
		}
	})
}
