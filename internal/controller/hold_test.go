package controller

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// patched takes every patch.
type patched struct{ client.Client }

func (patched) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

func (patched) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return nil
}

func TestAnAccountThatIsHeldAgainWakesItsAgents(t *testing.T) {
	woken := 0
	name := types.NamespacedName{Namespace: "support", Name: "acme"}
	r := &AccountReconciler{Client: patched{}, Written: newWritten(everything), WakeAgents: func(context.Context, types.NamespacedName) error {
		woken++
		return nil
	}}
	look := func(finalizers ...string) {
		t.Helper()
		cached := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: name.Namespace, Name: name.Name, UID: "a", Finalizers: finalizers,
		}}
		a, err := r.hold(t.Context(), cached, users{mappings: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.tell(t.Context(), name, tidings{held: held(a)}); err != nil {
			t.Fatal(err)
		}
	}
	look(v1alpha1.InUseFinalizer)
	look(v1alpha1.InUseFinalizer)
	if woken != 1 {
		t.Errorf("woken %d times although nothing changed", woken-1)
	}
	// Somebody took the finalizer: an agent that looks at the account now waits until it is back.
	look()
	if woken != 2 {
		t.Errorf("woken %d times instead of once for the account that was held again", woken-1)
	}
}
