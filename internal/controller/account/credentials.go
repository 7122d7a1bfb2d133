package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// loadCredentials reads the account's Secret from the API server, without a logger: client-go can log response bodies.
func (r *Reconciler) loadCredentials(ctx context.Context, account *v1alpha1.DeepCallAccount) (deepcall.Credentials, dispatch.ConfigError, error) {
	name := account.Spec.CredentialsSecretRef.Name
	var secret corev1.Secret
	err := r.APIReader.Get(klog.NewContext(ctx, logr.Discard()), account.SecretKey(), &secret)
	switch {
	case apierrors.IsNotFound(err):
		return deepcall.Credentials{}, dispatch.ConfigError(reason.SecretNotFound(name)), nil
	case apierrors.IsForbidden(err):
		return deepcall.Credentials{}, dispatch.ConfigError(reason.SecretForbidden()), nil
	case err != nil:
		return deepcall.Credentials{}, dispatch.ConfigError{}, fmt.Errorf("get the Secret %q: %w", name, err)
	}
	credentials, err := deepcall.ParseCredentials(secret.Data)
	if invalid, ok := errors.AsType[*deepcall.CredentialsError](err); ok {
		return deepcall.Credentials{}, dispatch.ConfigError(reason.InvalidCredentials(name, invalid.Problem)), nil
	}
	return credentials, dispatch.ConfigError{}, err
}
