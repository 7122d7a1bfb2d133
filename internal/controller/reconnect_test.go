package controller

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestUntilConnected(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	gone := apierrors.NewResourceExpired("too old resource version")
	for name, tc := range map[string]struct {
		failures int
		answer   error
	}{
		"returns an answer":                        {0, nil},
		"repeats a request that got no answer":     {100, nil},
		"returns an untrusted certificate":         {0, x509.UnknownAuthorityError{}},
		"returns an error of the API server":       {0, gone},
		"returns an error of the API server later": {100, gone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				_, err := untilConnected(t.Context(), func() (string, error) {
					if sent++; sent <= tc.failures {
						return "", refused
					}
					return "list", tc.answer
				})
				if !errors.Is(err, tc.answer) || sent != tc.failures+1 {
					t.Errorf("got %v after %d requests", err, sent)
				}
			})
		})
	}
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := untilConnected(ctx, func() (string, error) { return "", refused }); err == nil {
			t.Error("got no error")
		}
	})
}
