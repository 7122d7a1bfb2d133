package controller

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/account"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
)

func cachedMapping(uid types.UID, version string, finalizers ...string) *v1alpha1.AgentGroupMapping {
	m := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: "support", Name: "asha", UID: uid, ResourceVersion: version, Finalizers: finalizers,
	}}
	m.Spec.AccountRef.Name = "acme"
	return m
}

// The account must be reconciled whenever the mappings that need a removal may have changed, in the cache or as assumed.
func TestMappingHandler_enqueues_the_account_of_a_changed_count(t *testing.T) {
	const finalizer = v1alpha1.StopCallsFinalizer
	var changed, observed int
	mappings := assume.New(func(*v1alpha1.AgentGroupMapping) bool { return true },
		func(m *v1alpha1.AgentGroupMapping) []string { return []string{m.AccountKey().String()} })
	s := sharedCaches{mappings: mappings, counts: account.NewMappingCounts()}
	h := s.mappingHandler(func(*v1alpha1.AgentGroupMapping) { observed++ }, func(types.NamespacedName) { changed++ })
	expect := func(when string, enqueued int) {
		t.Helper()
		if changed != enqueued {
			t.Errorf("%s: enqueued %d times, want %d", when, changed, enqueued)
		}
		changed = 0
	}

	h.OnAdd(cachedMapping("1", "1"), true)
	expect("a mapping is created", 1)
	h.OnUpdate(cachedMapping("1", "1"), cachedMapping("1", "2"))
	expect("nothing that counts changes", 0)
	mappings.Assume(cachedMapping("1", "4", finalizer))
	h.OnUpdate(cachedMapping("1", "2"), cachedMapping("1", "3"))
	expect("the cache does not have the finalizer yet", 0)
	h.OnUpdate(cachedMapping("1", "3"), cachedMapping("1", "4", finalizer))
	expect("the cache has the finalizer", 1)
	h.OnUpdate(cachedMapping("1", "4", finalizer), cachedMapping("2", "5", finalizer))
	expect("the mapping is replaced", 2)

	mappings.Assume(cachedMapping("2", "7"))
	h.OnUpdate(cachedMapping("2", "5", finalizer), cachedMapping("2", "6", finalizer))
	expect("the cache does not have the released mapping yet", 0)
	h.OnUpdate(cachedMapping("2", "6", finalizer), cachedMapping("2", "8", finalizer))
	expect("a user added the finalizer again", 1)
	h.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: cachedMapping("2", "8")})
	expect("the mapping is deleted, as a relist shows", 1)
	if len(mappings.ByKey("support/acme")) != 0 || observed != 7 {
		t.Errorf("assumed are %v, observed %d versions", mappings.ByKey("support/acme"), observed)
	}
}
