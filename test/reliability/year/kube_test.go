package year

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// inKube runs a test with a mapping in an API of its own.
func inKube(t *testing.T, test func(t *testing.T, k *kube, admin client.Client, mapping *v1alpha1.AgentGroupMapping)) {
	synctest.Test(t, func(t *testing.T) {
		k := newKube(1)
		admin, err := newAdmin(k)
		if err != nil {
			t.Fatal(err)
		}
		mapping := testenv.Mapping("asha").In("support").Group("90", true).Build()
		if err := admin.Create(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		test(t, k, admin, mapping)
	})
}

func TestOnlyAChangeOfTheSpecRaisesTheGeneration(t *testing.T) {
	inKube(t, func(t *testing.T, _ *kube, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		mapping.Status.Receiving, mapping.Spec.Suspend = "1/1", true
		err := admin.Status().Update(t.Context(), mapping)
		if err != nil || mapping.Generation != 1 || mapping.Status.Receiving != "1/1" || mapping.Spec.Suspend {
			t.Fatalf("after a status: %v, generation %d, receiving %q, suspended %t",
				err, mapping.Generation, mapping.Status.Receiving, mapping.Spec.Suspend)
		}
		mapping.Spec.Suspend, mapping.Status.Receiving = true, "lost"
		if err := admin.Update(t.Context(), mapping); err != nil || mapping.Generation != 2 || mapping.Status.Receiving != "1/1" {
			t.Fatalf("after an edit: %v, generation %d, receiving %q", err, mapping.Generation, mapping.Status.Receiving)
		}
		version := mapping.ResourceVersion
		if err := admin.Update(t.Context(), mapping); err != nil || mapping.ResourceVersion != version {
			t.Fatalf("after no change: %v, version %s, before %s", err, mapping.ResourceVersion, version)
		}
	})
}

func TestAWriteToAnOldVersionIsRefused(t *testing.T) {
	inKube(t, func(t *testing.T, _ *kube, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		old := mapping.DeepCopy()
		mapping.Spec.Suspend = true
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Status().Update(t.Context(), old.DeepCopy()); !apierrors.IsConflict(err) {
			t.Errorf("a status on an old version: %v", err)
		}
		changed := old.DeepCopy()
		changed.Finalizers = []string{"late/finalizer"}
		patch := client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
		if err := admin.Patch(t.Context(), changed, patch); !apierrors.IsConflict(err) {
			t.Errorf("a patch of an old version: %v", err)
		}
	})
}

func TestAFinalizerKeepsAnObjectUntilItIsTakenOff(t *testing.T) {
	inKube(t, func(t *testing.T, _ *kube, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		key := client.ObjectKeyFromObject(mapping)
		mapping.Finalizers = []string{v1alpha1.StopCallsFinalizer}
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Delete(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Get(t.Context(), key, mapping); err != nil || mapping.DeletionTimestamp == nil || mapping.Generation != 2 {
			t.Fatalf("being deleted: %v, %v, generation %d", err, mapping.DeletionTimestamp, mapping.Generation)
		}
		mapping.Finalizers = nil
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Get(t.Context(), key, mapping); !apierrors.IsNotFound(err) {
			t.Errorf("after its last finalizer: %v", err)
		}
	})
}

func TestAWatchTellsWhatCameSinceOrThatTooMuchDid(t *testing.T) {
	inKube(t, func(t *testing.T, k *kube, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		first := mapping.ResourceVersion
		mapping.Spec.Suspend = true
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if code := watchFrom(t, k, first); code != http.StatusOK {
			t.Errorf("a watch from a version that is remembered: %d", code)
		}
		for i := range 2 * kept {
			mapping.Spec.Suspend = i%2 == 0
			if err := admin.Update(t.Context(), mapping); err != nil {
				t.Fatal(err)
			}
		}
		k.forget()
		if code := watchFrom(t, k, first); code != http.StatusGone {
			t.Errorf("a watch from a version that is forgotten: %d", code)
		}
	})
}

// watchFrom begins a watch that ends after a second.
func watchFrom(t *testing.T, k *kube, version string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	url := "https://kube.test/apis/telephony.deepcall.com/v1alpha1/agentgroupmappings?watch=true&timeoutSeconds=1&resourceVersion=" + version
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&door{kube: k}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestThePathNamesTheObject(t *testing.T) {
	found, err := parse("/apis/telephony.deepcall.com/v1alpha1/namespaces/support/agentgroupmappings/asha/status")
	want := target{kind: mappingKind, key: types.NamespacedName{Namespace: "support", Name: "asha"}, subresource: "status"}
	if err != nil || found != want {
		t.Errorf("parse: %+v, %v", found, err)
	}
	if _, err := parse("/api/v1/pods"); err == nil {
		t.Error("pods are known")
	}
}
