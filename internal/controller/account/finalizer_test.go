package account

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
)

// patchClient accepts every patch.
type patchClient struct{ client.Client }

func (patchClient) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return nil
}

func TestUpdateFinalizer_enqueues_agents_that_saw_the_account_without_it(t *testing.T) {
	enqueued := 0
	name := types.NamespacedName{Namespace: "support", Name: "acme"}
	r := NewReconciler(Options{
		Client: patchClient{},
		Accounts: assume.New(func(*v1alpha1.DeepCallAccount) bool { return true },
			func(a *v1alpha1.DeepCallAccount) []string { return []string{a.Name} }),
		EnqueueAgents: func(context.Context, types.NamespacedName) error {
			enqueued++
			return nil
		},
	})
	reconcile := func(finalizers ...string) {
		t.Helper()
		cached := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: name.Namespace, Name: name.Name, UID: "a", Finalizers: finalizers,
		}}
		account, err := r.updateFinalizer(t.Context(), cached, usage{mappings: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.announce(t.Context(), name, announcement{held: isHeld(account)}); err != nil {
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
