package agent

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestRejectionOf(t *testing.T) {
	mappings := schema.GroupResource{Resource: "agentgroupmappings"}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"an admission policy or a missing permission": {apierrors.NewForbidden(mappings, "asha", errors.New("no")), `agentgroupmappings "asha" is forbidden: no`},
		"an invalid object":                           {apierrors.NewInvalid(schema.GroupKind{Kind: "Mapping"}, "asha", nil), `Mapping "asha" is invalid`},
		"a webhook that gives no code":                {apierrors.NewBadRequest("admission webhook denied the request"), "admission webhook denied the request"},
		"an object that the API server finds too large": {
			apierrors.NewRequestEntityTooLargeError("limit is 3145728"), "Request entity too large: limit is 3145728",
		},
		"an object that etcd finds too large": {
			apierrors.NewInternalError(errors.New("etcdserver: request is too large")), "Internal error occurred: etcdserver: request is too large",
		},
		"a conflict":               {apierrors.NewConflict(mappings, "asha", errors.New("changed")), ""},
		"a deleted object":         {apierrors.NewNotFound(mappings, "asha"), ""},
		"an expired token":         {apierrors.NewUnauthorized("expired"), ""},
		"a time-out":               {apierrors.NewTimeoutError("slow", 1), ""},
		"a server time-out":        {apierrors.NewServerTimeout(mappings, "update", 1), ""},
		"a rate limit":             {apierrors.NewTooManyRequests("slow down", 1), ""},
		"an internal error":        {apierrors.NewInternalError(errors.New("a webhook does not answer")), ""},
		"an unavailable server":    {apierrors.NewServiceUnavailable("starting"), ""},
		"a connection that failed": {errors.New("connection refused"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			message, rejected := rejectionOf(fmt.Errorf("patch asha: %w", c.err))
			if rejected != (c.want != "") || rejected && message != c.want {
				t.Errorf("got %v %q, want %q", rejected, message, c.want)
			}
		})
	}
}

// A rejected write of one mapping must not delay the request of another one, nor be repeated by it.
func TestReconcile_sends_other_mappings_after_a_rejection(t *testing.T) {
	e := newReconcileEnv(t)
	bad, good := declaring(newMapping("bad", "1", "1"), "91"), declaring(newMapping("good", "2", "2"), "92")
	e.cache.mappings = []*v1alpha1.AgentGroupMapping{bad, good}
	e.cache.failWritesOf("bad", apierrors.NewForbidden(schema.GroupResource{}, "bad", errors.New("a policy")))
	for n := 1; n <= 2; n++ { // the record of bad is rejected, then its status, and the record of good is written
		result, err := e.reconcile(t, good.AgentKey())
		if err != nil || result.RequeueAfter == 0 {
			t.Fatalf("reconcile %d: %v, %v", n, result, err)
		}
	}
	if !slices.Equal(e.cache.patched, []string{"bad", "good"}) {
		t.Errorf("the records of %v are written", e.cache.patched)
	}
}
