package assume

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func version(v string) *v1alpha1.AgentGroupMapping {
	mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{UID: "1", Name: "asha", Namespace: "support", ResourceVersion: v}}
	mapping.Spec.AgentID = "7"
	mapping.Spec.AccountRef.Name = "acme"
	return mapping
}

func newTestCache(inCache func(*v1alpha1.AgentGroupMapping) bool) *Cache[*v1alpha1.AgentGroupMapping] {
	return New(inCache, func(m *v1alpha1.AgentGroupMapping) []string {
		return []string{m.AgentKey().String(), m.AccountKey().String()}
	})
}

func always(*v1alpha1.AgentGroupMapping) bool { return true }

func TestCache(t *testing.T) {
	key := version("1").AgentKey().String()
	expect := func(t *testing.T, c *Cache[*v1alpha1.AgentGroupMapping], cached, want string) {
		t.Helper()
		if got := c.ByKey(key).Latest(version(cached)).ResourceVersion; got != want {
			t.Errorf("version %s, want %s", got, want)
		}
	}

	t.Run("returns the newer version", func(t *testing.T) {
		c := newTestCache(always)
		expect(t, c, "9", "9")
		c.Assume(version("12"))
		expect(t, c, "9", "12")
		expect(t, c, "12", "12")
		expect(t, c, "100", "100")
	})

	t.Run("drops an object that the informer has caught up with", func(t *testing.T) {
		c := newTestCache(always)
		c.Assume(version("12"))
		if _, dropped := c.Observe(version("11")); dropped {
			t.Error("dropped for an older version")
		}
		expect(t, c, "9", "12")
		if assumed, dropped := c.Observe(version("12")); !dropped || assumed.ResourceVersion != "12" {
			t.Errorf("dropped %t", dropped)
		}
		if len(c.objects)+len(c.byKey) != 0 {
			t.Errorf("keeps %v and %v", c.objects, c.byKey)
		}
	})

	t.Run("returns an object that was looked up before the informer caught up", func(t *testing.T) {
		c := newTestCache(always)
		c.Assume(version("12"))
		assumed := c.ByKey(key)
		stale := version("9") // read, and only then does the informer catch up
		c.Observe(version("12"))
		if got := assumed.Latest(stale).ResourceVersion; got != "12" {
			t.Errorf("version %s", got)
		}
	})

	t.Run("finds an object by its keys only", func(t *testing.T) {
		c := newTestCache(always)
		c.Assume(version("12"))
		for key, want := range map[string]int{"support/acme/7": 1, "support/acme": 1, "support/acme/8": 0, "support/other": 0} {
			if got := len(c.ByKey(key)); got != want {
				t.Errorf("%d objects of %s, want %d", got, key, want)
			}
		}
	})

	t.Run("does not keep a deleted object whose last write returns later", func(t *testing.T) {
		exists := true
		c := newTestCache(func(*v1alpha1.AgentGroupMapping) bool { return exists })
		c.Assume(version("12"))
		exists = false
		c.Forget(version("13"))
		c.Assume(version("13"))
		if len(c.objects)+len(c.byKey) != 0 {
			t.Errorf("keeps %v and %v", c.objects, c.byKey)
		}
	})

	t.Run("keeps a released object until it is deleted, even if its version did not change", func(t *testing.T) {
		c := newTestCache(always)
		now := metav1.Now()
		held, released := version("12"), version("12")
		held.DeletionTimestamp, held.Finalizers = &now, []string{v1alpha1.StopCallsFinalizer}
		released.DeletionTimestamp = &now
		c.Assume(released)
		if got := c.ByKey(key).Latest(held); len(got.Finalizers) != 0 {
			t.Errorf("it has the finalizers %v again", got.Finalizers)
		}
		c.Forget(held)
		if len(c.objects) != 0 {
			t.Errorf("keeps %d objects", len(c.objects))
		}
	})
}
