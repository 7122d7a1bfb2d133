package account

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// secretSeed makes the hashes of Secrets meaningless outside this process.
var secretSeed = maphash.MakeSeed()

// readSecret returns the data of the account's Secret from the API server, or why it can't be used. It reads without a
// logger: client-go can log response bodies.
func (r *Reconciler) readSecret(ctx context.Context, account *v1alpha1.DeepCallAccount) (map[string][]byte, dispatch.ConfigError, error) {
	name := account.Spec.CredentialsSecretRef.Name
	var secret corev1.Secret
	err := r.APIReader.Get(klog.NewContext(ctx, logr.Discard()), account.SecretKey(), &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, dispatch.ConfigError(reason.SecretNotFound(name)), nil
	case apierrors.IsForbidden(err):
		return nil, dispatch.ConfigError(reason.SecretForbidden()), nil
	case err != nil:
		return nil, dispatch.ConfigError{}, fmt.Errorf("get the Secret %q: %w", name, err)
	}
	return secret.Data, dispatch.ConfigError{}, nil
}

// parseCredentials returns the credentials in a Secret's data, or why there are none.
func parseCredentials(name string, data map[string][]byte) (deepcall.Credentials, dispatch.ConfigError) {
	credentials, err := deepcall.ParseCredentials(data)
	if invalid, ok := errors.AsType[*deepcall.CredentialsError](err); ok {
		return deepcall.Credentials{}, dispatch.ConfigError(reason.InvalidCredentials(name, invalid.Problem))
	}
	return credentials, dispatch.ConfigError{}
}

// hashData returns a hash of a Secret's data.
func hashData(data map[string][]byte) uint64 {
	var hash maphash.Hash
	hash.SetSeed(secretSeed)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(&hash, "%q=%q ", key, data[key])
	}
	return hash.Sum64()
}
