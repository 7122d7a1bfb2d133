package controller

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func nobody(types.NamespacedName) {}

func TestOwnWritesAreSeenBeforeTheCacheHasThem(t *testing.T) {
	version := func(v string) *v1alpha1.AgentGroupMapping {
		return &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{UID: "1", Name: "asha", ResourceVersion: v}}
	}
	agent := agentOf(version("1"))
	cached := func(client.Object) bool { return true }
	expect := func(t *testing.T, w *written, read, want string) {
		t.Helper()
		if got := latest(w.recall(agent), version(read)).ResourceVersion; got != want {
			t.Errorf("version %s, not %s", got, want)
		}
	}

	t.Run("the newer one counts", func(t *testing.T) {
		w := newWritten(cached)
		expect(t, w, "9", "9")
		w.remember(version("12"))
		expect(t, w, "9", "12")
		expect(t, w, "12", "12")
		expect(t, w, "100", "100")
	})

	t.Run("what the cache catches up with is forgotten", func(t *testing.T) {
		w := newWritten(cached)
		w.remember(version("12"))
		w.handler(nobody).OnUpdate(version("9"), version("11"))
		expect(t, w, "9", "12")
		w.handler(nobody).OnUpdate(version("11"), version("12"))
		if len(w.newer)+len(w.groups) != 0 {
			t.Errorf("still remembers %v and %v", w.newer, w.groups)
		}
		if !w.isCurrent(version("12")) {
			t.Error("it is not known to be current any more")
		}
	})

	t.Run("but not for who asked before", func(t *testing.T) {
		w := newWritten(cached)
		w.remember(version("12"))
		recalled := w.recall(agent)
		stale := version("9") // read, and only then does the cache catch up
		w.handler(nobody).OnUpdate(version("9"), version("12"))
		if got := latest(recalled, stale).ResourceVersion; got != "12" {
			t.Errorf("version %s", got)
		}
	})

	t.Run("it is recalled with its agent and its account, and with no other", func(t *testing.T) {
		w := newWritten(cached)
		w.remember(version("12"))
		account := &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{UID: "2"}}
		w.remember(account)
		other := agent
		other.Agent = "8"
		for group, want := range map[any]int{
			agent: 1, mappingsOf(agent.Account): 1, agent.Account: 1, other: 0, mappingsOf{Name: "other"}: 0,
		} {
			if got := len(w.recall(group)); got != want {
				t.Errorf("%d objects of %#v instead of %d", got, group, want)
			}
		}
	})

	t.Run("what is gone is forgotten, though its last write is told later", func(t *testing.T) {
		there := true
		w := newWritten(func(client.Object) bool { return there })
		w.remember(version("12"))
		there = false
		w.handler(nobody).OnDelete(version("13"))
		w.remember(version("13"))
		w.madeCurrent(version("13"))
		if len(w.newer)+len(w.groups)+len(w.current) != 0 {
			t.Errorf("still remembers %v, %v and %v", w.newer, w.groups, w.current)
		}
	})

	t.Run("what was let go stays let go until it is gone, though its version did not change", func(t *testing.T) {
		w := newWritten(cached)
		now := metav1.Now()
		held, released := version("12"), version("12")
		held.DeletionTimestamp, held.Finalizers = &now, []string{v1alpha1.StopCallsFinalizer}
		released.DeletionTimestamp = &now
		w.remember(released)
		if got := latest(w.recall(agent), held); len(got.Finalizers) != 0 {
			t.Errorf("it is held by %v again", got.Finalizers)
		}
		w.handler(nobody).OnDelete(held)
		if len(w.newer) != 0 {
			t.Errorf("still remembers %d", len(w.newer))
		}
	})

	t.Run("whoever reads it may change it", func(t *testing.T) {
		w := newWritten(cached)
		w.remember(version("12"))
		latest(w.recall(agent), version("9")).Name = "spoiled"
		if got := latest(w.recall(agent), version("9")).Name; got != "asha" {
			t.Errorf("it is called %s now", got)
		}
	})
}
