package agent

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

// terminatingNamespaces is an API server whose namespaces are all being deleted.
type terminatingNamespaces struct{ client.Reader }

func (terminatingNamespaces) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	now := metav1.Now()
	obj.(*corev1.Namespace).DeletionTimestamp = &now
	return nil
}

// A removal is abandoned only if the account or its credentials are gone. What the operator must not read only seems to be.
func TestNewMapping_of_a_terminating_namespace(t *testing.T) {
	for name, c := range map[string]struct{ unreadable, forbidden, want bool }{
		"is abandoned without the account":       {want: true},
		"waits for an unreadable namespace":      {unreadable: true},
		"waits for a permission for the account": {forbidden: true},
	} {
		r := NewReconciler(Options{
			APIReader: terminatingNamespaces{},
			Tenancy:   tenancy.New(nil, tenancy.Scope{Namespaces: []string{"support"}, Unreadable: c.unreadable}),
		})
		deleted := metav1.Now()
		mapping := newMapping("asha", "1", "1")
		mapping.DeletionTimestamp = &deleted
		snap := &snapshot{accountForbidden: c.forbidden}
		snap.Key, snap.Now = mapping.AgentKey(), deleted.Time
		m, err := r.newMapping(t.Context(), snap, mapping)
		if err != nil || m.NamespaceTerminating != c.want {
			t.Errorf("%s: got %v, want %v (%v)", name, m.NamespaceTerminating, c.want, err)
		}
	}
}
