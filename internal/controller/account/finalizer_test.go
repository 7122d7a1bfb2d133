package account

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

func TestUpdateFinalizer_enqueues_agents_that_saw_the_account_without_it(t *testing.T) {
	enqueued := 0
	e := newConfigEnv(t, v1alpha1.CABundleReference{})
	e.EnqueueAgents = func(context.Context, types.NamespacedName) error {
		enqueued++
		return nil
	}
	reconcile := func(finalizers ...string) {
		t.Helper()
		cached := e.account.DeepCopy()
		cached.Finalizers = finalizers
		account, err := e.updateFinalizer(t.Context(), cached, usage{mappings: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.announce(t.Context(), acme, announcement{held: isHeld(account)}); err != nil {
			t.Fatal(err)
		}
	}
	reconcile(v1alpha1.InUseFinalizer)
	reconcile(v1alpha1.InUseFinalizer)
	if enqueued != 1 {
		t.Errorf("enqueued %d times although nothing changed", enqueued-1)
	}
	// A user removed the finalizer: an agent that is reconciled now waits until it is back.
	reconcile()
	if enqueued != 2 {
		t.Errorf("enqueued %d times, want once for the finalizer that was added again", enqueued-1)
	}
}

// Mappings in a namespace that can't be read are not counted.
func TestUpdateFinalizer_keeps_it_while_mappings_can_be_hidden(t *testing.T) {
	deleted := metav1.Now()
	for name, c := range map[string]struct {
		from       v1alpha1.NamespacesFrom
		unreadable bool
		deleted    *metav1.Time
		keeps      bool
	}{
		"of an account that allows all namespaces":                    {v1alpha1.NamespacesFromAll, true, nil, true},
		"also when that is deleted":                                   {v1alpha1.NamespacesFromAll, true, &deleted, true},
		"but not if all namespaces can be read":                       {v1alpha1.NamespacesFromAll, false, nil, false},
		"but not when that is deleted and all namespaces can be read": {v1alpha1.NamespacesFromAll, false, &deleted, false},
		"but not of an account that allows its own only":              {v1alpha1.NamespacesFromSame, true, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newConfigEnv(t, v1alpha1.CABundleReference{})
			e.Tenancy = tenancy.New(nil, tenancy.Scope{Namespaces: []string{"support"}, Unreadable: c.unreadable})
			e.account.Finalizers, e.account.DeletionTimestamp = []string{v1alpha1.InUseFinalizer}, c.deleted
			e.account.Spec.AllowedNamespaces.From = c.from
			updated, err := e.updateFinalizer(t.Context(), e.account, usage{})
			if err != nil || updated.InUse() != c.keeps {
				t.Errorf("has the finalizer: %v, want %v (%v)", updated.InUse(), c.keeps, err)
			}
		})
	}
}
