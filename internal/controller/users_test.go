package controller

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestTheMappingsOfAnAccountAreCountedByWhatTheCacheTells(t *testing.T) {
	acme := types.NamespacedName{Namespace: "support", Name: "acme"}
	mapping := func(namespace, uid string, finalizers ...string) *v1alpha1.AgentGroupMapping {
		m := mappingOf("asha", types.UID(uid), "1")
		m.Namespace, m.Finalizers = namespace, finalizers
		m.Spec.AccountRef.Namespace = acme.Namespace
		return m
	}
	holding := func(namespace, uid string) *v1alpha1.AgentGroupMapping {
		return mapping(namespace, uid, v1alpha1.StopCallsFinalizer)
	}
	ending := func(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
		now := metav1.Now()
		m.DeletionTimestamp = &now
		return m
	}

	var told []types.NamespacedName
	w := newWritten(everything)
	cache := w.handler(func(account types.NamespacedName) { told = append(told, account) })
	expect := func(when, want string, news int) {
		t.Helper()
		by, held := w.usedBy(acme)
		if got := fmt.Sprintf("%v, holding %v", by, held); got != want {
			t.Errorf("%s: %s instead of %s", when, got, want)
		}
		if len(told) != news {
			t.Errorf("%s: told %v instead of %d news", when, told, news)
		}
		told = nil
	}

	cache.OnAdd(mapping("support", "1"), true)
	cache.OnAdd(mapping("sales", "2"), false)
	expect("two came", "map[sales:{1 0} support:{1 0}], holding false", 2)
	cache.OnUpdate(mapping("support", "1"), mapping("support", "1"))
	expect("nothing changed", "map[sales:{1 0} support:{1 0}], holding false", 0)
	cache.OnUpdate(mapping("support", "1"), holding("support", "1"))
	expect("one holds", "map[sales:{1 0} support:{1 1}], holding true", 1)
	cache.OnUpdate(holding("support", "1"), ending(holding("support", "1")))
	expect("it ends", "map[sales:{1 0} support:{1 1}], holding true", 0)
	cache.OnUpdate(ending(holding("support", "1")), ending(mapping("support", "1")))
	expect("it is let go", "map[sales:{1 0}], holding false", 1)
	cache.OnDelete(ending(mapping("support", "1")))
	expect("it is gone", "map[sales:{1 0}], holding false", 0)

	own := holding("sales", "2")
	own.ResourceVersion = "2"
	w.remember(own)
	expect("one holds, and the cache does not know", "map[sales:{1 0}], holding true", 0)
	cache.OnUpdate(mapping("sales", "2"), own)
	expect("the cache knows", "map[sales:{1 1}], holding true", 1)
	cache.OnUpdate(own, holding("sales", "3"))
	expect("another one has its name", "map[sales:{1 1}], holding true", 2)
	cache.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: mapping("sales", "3")})
	expect("it is gone, and was another one when last heard of", "map[], holding false", 1)
	if len(w.usage.totals)+len(w.usage.each) != 0 {
		t.Errorf("still counted: %v", w.usage)
	}

	w.remember(holding("sales", "4"))
	cache.OnUpdate(mapping("sales", "4"), mapping("sales", "5"))
	expect("one came instead of one that we wrote to", "map[sales:{1 0}], holding false", 1)
	own = holding("sales", "5")
	own.ResourceVersion = "2"
	w.remember(own)
	expect("it holds, and the cache does not know", "map[sales:{1 0}], holding true", 0)
	newer := mapping("sales", "5")
	newer.ResourceVersion = "3"
	cache.OnUpdate(mapping("sales", "5"), newer)
	expect("somebody took the finalizer before the cache knew of it", "map[sales:{1 0}], holding false", 1)
}
