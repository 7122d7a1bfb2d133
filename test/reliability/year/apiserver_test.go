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

// withMapping runs a test in a bubble, with a mapping in a new API server.
func withMapping(t *testing.T, test func(t *testing.T, server *apiServer, admin client.Client, mapping *v1alpha1.AgentGroupMapping)) {
	synctest.Test(t, func(t *testing.T) {
		server := newAPIServer(1)
		admin, err := newAdmin(server)
		if err != nil {
			t.Fatal(err)
		}
		mapping := testenv.Mapping("asha").In("support").Group("90", true).Build()
		if err := admin.Create(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		test(t, server, admin, mapping)
	})
}

func TestAPIServerIncrementsTheGenerationForSpecChangesOnly(t *testing.T) {
	withMapping(t, func(t *testing.T, _ *apiServer, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		mapping.Status.Receiving, mapping.Spec.Suspend = "1/1", true
		err := admin.Status().Update(t.Context(), mapping)
		if err != nil || mapping.Generation != 1 || mapping.Status.Receiving != "1/1" || mapping.Spec.Suspend {
			t.Fatalf("after a status update: %v, generation %d, receiving %q, suspended %t",
				err, mapping.Generation, mapping.Status.Receiving, mapping.Spec.Suspend)
		}
		mapping.Spec.Suspend, mapping.Status.Receiving = true, "ignored"
		if err := admin.Update(t.Context(), mapping); err != nil || mapping.Generation != 2 || mapping.Status.Receiving != "1/1" {
			t.Fatalf("after an edit: %v, generation %d, receiving %q", err, mapping.Generation, mapping.Status.Receiving)
		}
		version := mapping.ResourceVersion
		if err := admin.Update(t.Context(), mapping); err != nil || mapping.ResourceVersion != version {
			t.Fatalf("after a no-op: %v, version %s, previous version %s", err, mapping.ResourceVersion, version)
		}
	})
}

func TestAPIServerRejectsWritesToAnOldVersion(t *testing.T) {
	withMapping(t, func(t *testing.T, _ *apiServer, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		old := mapping.DeepCopy()
		mapping.Spec.Suspend = true
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Status().Update(t.Context(), old.DeepCopy()); !apierrors.IsConflict(err) {
			t.Errorf("status update of an old version: %v", err)
		}
		changed := old.DeepCopy()
		changed.Finalizers = []string{"late/finalizer"}
		patch := client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
		if err := admin.Patch(t.Context(), changed, patch); !apierrors.IsConflict(err) {
			t.Errorf("patch of an old version: %v", err)
		}
	})
}

func TestAPIServerKeepsAnObjectUntilItsFinalizersAreRemoved(t *testing.T) {
	withMapping(t, func(t *testing.T, _ *apiServer, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		key := client.ObjectKeyFromObject(mapping)
		mapping.Finalizers = []string{v1alpha1.StopCallsFinalizer}
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Delete(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Get(t.Context(), key, mapping); err != nil || mapping.DeletionTimestamp == nil || mapping.Generation != 2 {
			t.Fatalf("after the deletion: %v, %v, generation %d", err, mapping.DeletionTimestamp, mapping.Generation)
		}
		mapping.Finalizers = nil
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if err := admin.Get(t.Context(), key, mapping); !apierrors.IsNotFound(err) {
			t.Errorf("after the removal of the finalizer: %v", err)
		}
	})
}

func TestWatchResumesOrExpires(t *testing.T) {
	withMapping(t, func(t *testing.T, server *apiServer, admin client.Client, mapping *v1alpha1.AgentGroupMapping) {
		first := mapping.ResourceVersion
		mapping.Spec.Suspend = true
		if err := admin.Update(t.Context(), mapping); err != nil {
			t.Fatal(err)
		}
		if code := watchFrom(t, server, first); code != http.StatusOK {
			t.Errorf("watch from a version in the history: %d", code)
		}
		for i := range 2 * watchHistory {
			mapping.Spec.Suspend = i%2 == 0
			if err := admin.Update(t.Context(), mapping); err != nil {
				t.Fatal(err)
			}
		}
		server.compact()
		if code := watchFrom(t, server, first); code != http.StatusGone {
			t.Errorf("watch from a version before the history: %d", code)
		}
	})
}

// watchFrom starts a watch with a timeout of a second, and returns the status code.
func watchFrom(t *testing.T, server *apiServer, version string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	url := "https://kube.test/apis/telephony.deepcall.com/v1alpha1/agentgroupmappings?watch=true&timeoutSeconds=1&resourceVersion=" + version
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&transport{server: server}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestParsePath(t *testing.T) {
	got, err := parsePath("/apis/telephony.deepcall.com/v1alpha1/namespaces/support/agentgroupmappings/asha/status")
	want := requestInfo{kind: mappingKind, key: types.NamespacedName{Namespace: "support", Name: "asha"}, subresource: "status"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := parsePath("/api/v1/pods"); err == nil {
		t.Error("unknown resource is accepted")
	}
}
