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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// secretSeed makes the hashes of Secrets meaningless outside this process.
var secretSeed = maphash.MakeSeed()

// readSecret returns the data of the account's Secret from the API server, or why it can't be used.
func (r *Reconciler) readSecret(ctx context.Context, account *v1alpha1.DeepCallAccount) (map[string][]byte, dispatch.ConfigError, error) {
	var secret corev1.Secret
	err := r.get(ctx, account.SecretKey(), &secret)
	configError, err := unreadable(err, reason.SecretNotFound(account.Spec.CredentialsSecretRef.Name), reason.SecretForbidden())
	return secret.Data, configError, err
}

// get reads an object that an account references from the API server. It reads without a logger: client-go can log response
// bodies.
func (r *Reconciler) get(ctx context.Context, name types.NamespacedName, obj client.Object) error {
	if err := r.APIReader.Get(klog.NewContext(ctx, logr.Discard()), name, obj); err != nil {
		return fmt.Errorf("get the %T %q: %w", obj, name.Name, err)
	}
	return nil
}

// unreadable returns what an account reports after an error of get. Errors that can pass by themselves are returned.
func unreadable(err error, notFound, forbidden reason.Summary) (dispatch.ConfigError, error) {
	switch {
	case apierrors.IsNotFound(err):
		return dispatch.ConfigError(notFound), nil
	case apierrors.IsForbidden(err):
		return dispatch.ConfigError(forbidden), nil
	default:
		return dispatch.ConfigError{}, err
	}
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
