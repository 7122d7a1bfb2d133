package policies

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// TestNamespaceAndOwnersAreDeleted deletes a protected namespace, and the owner of a mapping in another one.
func TestNamespaceAndOwnersAreDeleted(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "deleted", Labels: map[string]string{v1alpha1.ProtectedLabel: "true"}}}
	if err := as(user).Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	mapping := receivingMapping(namespace.Name, "asha")
	account := usedAccount(namespace.Name, "acme")
	account.Finalizers = nil
	for _, obj := range []client.Object{mapping, account} {
		if err := as(user).Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	account.Status.Mappings = 1
	updateStatus(t, account)
	owner := create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: protected}})
	owned := receivingMapping(protected, "owned")
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	create(t, owned)
	expect(t, as(user).Delete(t.Context(), mapping, client.DryRunAll), mappingRefused)
	expect(t, as(user).Delete(t.Context(), account, client.DryRunAll), accountRefused)

	if err := as(user).Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	// No controllers run yet, so the namespace remains.
	for _, obj := range []client.Object{mapping, account} {
		NewWithT(t).Eventually(func() error {
			return as(user).Delete(t.Context(), obj, client.DryRunAll)
		}).WithTimeout(20 * time.Second).Should(Succeed())
	}

	stop, err := plane.StartControllers("garbage-collector-controller")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := as(user).Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	for _, obj := range []client.Object{owned, namespace} {
		NewWithT(t).Eventually(func() bool {
			return apierrors.IsNotFound(as(user).Get(t.Context(), client.ObjectKeyFromObject(obj), obj))
		}).WithTimeout(2*time.Minute).Should(BeTrue(), "%T remains", obj)
	}
}
