package leader

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestClient(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "asha"}}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`))
	for name, c := range map[string]struct {
		steps []step
		want  error
	}{
		"writes for the leader":               {[]step{elect}, nil},
		"writes nothing before the election":  {nil, ErrNotLeader},
		"writes without leader election":      {[]step{func(h *harness) { h.fence = nil }}, nil},
		"writes nothing after a late renewal": {[]step{elect, elapse(renewDeadline + 1)}, ErrNotLeader},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.take(c.steps)
			writer := NewClient(fake.NewClientBuilder().WithObjects(pod).WithStatusSubresource(pod).Build(), h.fence)
			current := &corev1.Pod{}
			if err := writer.Get(t.Context(), client.ObjectKeyFromObject(pod), current); err != nil {
				t.Fatalf("read: %v", err)
			}
			if err := writer.Patch(t.Context(), current, patch); !errors.Is(err, c.want) {
				t.Errorf("patch: got %v, want %v", err, c.want)
			}
			if err := writer.Status().Update(t.Context(), current); !errors.Is(err, c.want) {
				t.Errorf("update of the status: got %v, want %v", err, c.want)
			}
		})
	}
}
