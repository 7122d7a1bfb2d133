package main

import (
	"slices"
	"strings"
	"testing"
)

func TestVerifyGrants(t *testing.T) {
	granted, err := readRights("../../config/rbac", "../../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyGrants(granted); err != nil {
		t.Error(err)
	}

	secrets := right{"role.yaml", "get", "secrets"}
	if !slices.Contains(granted, secrets) {
		t.Fatalf("got %v", granted)
	}
	more := append(slices.Clone(granted), right{"role.yaml", "delete", "secrets"})
	if err := verifyGrants(more); err == nil || !strings.Contains(err.Error(), "no reason why role.yaml grants delete on secrets") {
		t.Errorf("got %v", err)
	}
	fewer := slices.DeleteFunc(slices.Clone(granted), func(r right) bool { return r == secrets })
	if err := verifyGrants(fewer); err == nil || !strings.Contains(err.Error(), "get on secrets, which role.yaml does not grant") {
		t.Errorf("got %v", err)
	}
}
