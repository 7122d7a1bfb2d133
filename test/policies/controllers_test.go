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
	g := NewWithT(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "deleted", Labels: map[string]string{v1alpha1.ProtectedLabel: "true"}}}
	g.Expect(as(user).Create(t.Context(), namespace)).To(Succeed())
	mapping := receivingMapping(namespace.Name, "asha")
	account := usedAccount(namespace.Name, "acme")
	account.Finalizers = nil
	for _, obj := range []client.Object{mapping, account} {
		g.Expect(as(user).Create(t.Context(), obj)).To(Succeed())
	}
	account.Status.Mappings = 1
	updateStatus(t, account)
	owner := create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: protected}})
	owned := receivingMapping(protected, "owned")
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	create(t, owned)
	expect(t, as(user).Delete(t.Context(), mapping, client.DryRunAll), mappingRefused)
	expect(t, as(user).Delete(t.Context(), account, client.DryRunAll), accountRefused)

	g.Expect(as(user).Delete(t.Context(), namespace)).To(Succeed())
	// No controllers run yet, so the namespace remains.
	for _, obj := range []client.Object{mapping, account} {
		g.Eventually(func() error {
			return as(user).Delete(t.Context(), obj, client.DryRunAll)
		}).WithTimeout(20 * time.Second).Should(Succeed())
	}

	stop, err := plane.StartControllers("garbage-collector-controller")
	g.Expect(err).NotTo(HaveOccurred())
	defer stop()
	g.Expect(as(user).Delete(t.Context(), owner)).To(Succeed())
	for _, obj := range []client.Object{owned, namespace} {
		g.Eventually(func() bool {
			return apierrors.IsNotFound(as(user).Get(t.Context(), client.ObjectKeyFromObject(obj), obj))
		}).WithTimeout(2*time.Minute).Should(BeTrue(), "%T remains", obj)
	}
}
