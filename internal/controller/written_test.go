package controller

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestOwnWritesAreSeenBeforeTheCacheHasThem(t *testing.T) {
	version := func(v string) *v1alpha1.AgentGroupMapping {
		return &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{UID: "1", Name: "asha", ResourceVersion: v}}
	}
	everything := func(client.Object) bool { return true }
	cached := func() bool { return true }
	expect := func(t *testing.T, w *written, read, want string) {
		t.Helper()
		if got := latest(w.recall(everything), version(read)).ResourceVersion; got != want {
			t.Errorf("version %s, not %s", got, want)
		}
	}

	t.Run("the newer one counts", func(t *testing.T) {
		w := newWritten()
		expect(t, w, "9", "9")
		w.remember(version("12"), cached)
		expect(t, w, "9", "12")
		expect(t, w, "12", "12")
		expect(t, w, "100", "100")
	})

	t.Run("what the cache catches up with is forgotten", func(t *testing.T) {
		w := newWritten()
		w.remember(version("12"), cached)
		w.handler().OnUpdate(version("9"), version("11"))
		expect(t, w, "9", "12")
		w.handler().OnUpdate(version("11"), version("12"))
		if len(w.newer) != 0 {
			t.Errorf("still remembers %d", len(w.newer))
		}
	})

	t.Run("but not for who asked before", func(t *testing.T) {
		w := newWritten()
		w.remember(version("12"), cached)
		recalled := w.recall(everything)
		stale := version("9") // read, and only then does the cache catch up
		w.handler().OnUpdate(version("9"), version("12"))
		if got := latest(recalled, stale).ResourceVersion; got != "12" {
			t.Errorf("version %s", got)
		}
	})

	t.Run("what is gone is forgotten, though its last write is told later", func(t *testing.T) {
		w := newWritten()
		w.remember(version("12"), cached)
		w.handler().OnDelete(version("13"))
		w.remember(version("13"), func() bool { return false })
		if len(w.newer) != 0 {
			t.Errorf("still remembers %d", len(w.newer))
		}
	})

	t.Run("what was let go stays let go until it is gone, though its version did not change", func(t *testing.T) {
		w := newWritten()
		now := metav1.Now()
		held, released := version("12"), version("12")
		held.DeletionTimestamp, held.Finalizers = &now, []string{v1alpha1.StopCallsFinalizer}
		released.DeletionTimestamp = &now
		w.remember(released, cached)
		if got := latest(w.recall(everything), held); len(got.Finalizers) != 0 {
			t.Errorf("it is held by %v again", got.Finalizers)
		}
		w.handler().OnDelete(held)
		if len(w.newer) != 0 {
			t.Errorf("still remembers %d", len(w.newer))
		}
	})

	t.Run("whoever reads it may change it", func(t *testing.T) {
		w := newWritten()
		w.remember(version("12"), cached)
		latest(w.recall(everything), version("9")).Name = "spoiled"
		if got := latest(w.recall(everything), version("9")).Name; got != "asha" {
			t.Errorf("it is called %s now", got)
		}
	})
}
