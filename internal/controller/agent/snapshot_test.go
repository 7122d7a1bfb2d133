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

// A removal is abandoned only if the account is gone. One in a namespace that can't be read only seems to be.
func TestNewMapping_of_a_terminating_namespace(t *testing.T) {
	for unreadable, want := range map[bool]bool{false: true, true: false} {
		r := NewReconciler(Options{
			APIReader: terminatingNamespaces{},
			Tenancy:   tenancy.New(nil, tenancy.Scope{Namespaces: []string{"support"}, Unreadable: unreadable}),
		})
		deleted := metav1.Now()
		mapping := newMapping("asha", "1", "1")
		mapping.DeletionTimestamp = &deleted
		snap := &snapshot{}
		snap.Key, snap.Now = mapping.AgentKey(), deleted.Time
		m, err := r.newMapping(t.Context(), snap, mapping)
		if err != nil || m.NamespaceTerminating != want {
			t.Errorf("with an unreadable namespace %v: got %v, want %v (%v)", unreadable, m.NamespaceTerminating, want, err)
		}
	}
}
