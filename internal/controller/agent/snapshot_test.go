package agent

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

// A removal is abandoned only if the account or its credentials are gone. What the operator must not read only seems to be.
func TestNewMapping_of_a_terminating_namespace(t *testing.T) {
	for name, c := range map[string]struct{ unreadable, forbidden, want bool }{
		"is abandoned without the account":       {want: true},
		"waits for an unreadable namespace":      {unreadable: true},
		"waits for a permission for the account": {forbidden: true},
	} {
		r := NewReconciler(Options{
			APIReader: &apiServer{},
			Tenancy:   tenancy.New(nil, tenancy.Scope{Namespaces: []string{"support"}, Unreadable: c.unreadable}),
		})
		mapping := newMapping("asha", "1", "1")
		mapping.DeletionTimestamp = new(metav1.Now())
		snap := &snapshot{accountForbidden: c.forbidden}
		snap.Key, snap.Now = mapping.AgentKey(), mapping.DeletionTimestamp.Time
		m, err := r.newMapping(t.Context(), snap, mapping)
		if err != nil || m.NamespaceTerminating != c.want {
			t.Errorf("%s: got %v, want %v (%v)", name, m.NamespaceTerminating, c.want, err)
		}
	}
}
