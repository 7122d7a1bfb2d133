package controller

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

func TestAMappingIsToldWhereToLookAtItsAccount(t *testing.T) {
	acme := types.NamespacedName{Namespace: "support", Name: "acme"}
	for namespace, want := range map[string]string{
		"support": `The DeepCallAccount "acme" can't be used now; kubectl describe dca acme tells why`,
		"sales":   `The DeepCallAccount "acme" can't be used now; kubectl describe dca acme -n support tells why`,
	} {
		if got := accountNotReady(acme, namespace).message; got != want {
			t.Errorf("in %s: got %s, want %s", namespace, got, want)
		}
	}
}

func TestAnUnreachableAccountTellsTheFirstFailureAndWhatToDo(t *testing.T) {
	failure := &deepcall.Error{Entry: deepcall.Entry{Message: "The connection failed", Remedy: "Somebody checks the way there."}}
	got := accountVerdict(&v1alpha1.DeepCallAccount{}, account.Standing{State: account.Unreachable, Cause: failure})
	want := "DeepCall failed to answer several times in a row; one call at a time tries again. " +
		"The first failure: The connection failed. Somebody checks the way there"
	if got.message != want {
		t.Errorf("got %s, want %s", got.message, want)
	}
}
