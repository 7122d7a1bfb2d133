package account

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// loadCABundle sets the CA bundle of the configuration, from the object that the account references. It returns why there is none.
// Removals are then sent with the last bundle, as with the last credentials, since the objects of a namespace are deleted in any order.
func (r *Reconciler) loadCABundle(
	ctx context.Context, account *v1alpha1.DeepCallAccount, config *dispatch.Config, before dispatch.Config,
) (dispatch.ConfigError, error) {
	ref := account.Spec.CABundleRef
	if ref.Name == "" {
		return dispatch.ConfigError{}, nil
	}
	config.CABundleRef = ref
	bundle, err := r.readCABundle(ctx, account)
	if err == nil && len(bundle) > 0 {
		config.CABundle = bundle
		return dispatch.ConfigError{}, nil
	}
	if before.UID == account.UID && before.CABundleRef == ref {
		config.CABundle = before.CABundle
	}
	if err == nil {
		return dispatch.ConfigError(reason.CABundleNotFound(ref, true)), nil
	}
	return unreadable(err, reason.CABundleNotFound(ref, false), reason.CABundleForbidden(ref.Kind))
}

// readCABundle returns the value that the account references, from the API server. It is empty if the object lacks the key.
func (r *Reconciler) readCABundle(ctx context.Context, account *v1alpha1.DeepCallAccount) ([]byte, error) {
	ref, name := account.Spec.CABundleRef, account.CABundleKey()
	if ref.Kind == v1alpha1.CABundleKindSecret {
		var secret corev1.Secret
		err := r.get(ctx, name, &secret)
		return secret.Data[ref.Key], err
	}
	if err := r.watchConfigMaps(ctx, account.Namespace); err != nil {
		return nil, err
	}
	var configMap corev1.ConfigMap
	if err := r.get(ctx, name, &configMap); err != nil {
		return nil, err
	}
	if text, ok := configMap.Data[ref.Key]; ok {
		return []byte(text), nil
	}
	return configMap.BinaryData[ref.Key], nil // where kubectl puts a file that is not UTF-8, for example because of a comment
}

// watchConfigMaps watches the metadata of ConfigMaps from the first time that an account references one: without such an account,
// neither the memory nor the permission is needed. It does not start the watch without the permission, which would make the whole
// manager unready, and returns a Forbidden error if it is missing in the account's namespace. Otherwise, it waits for the watch,
// which would miss an object that is deleted before.
func (r *Reconciler) watchConfigMaps(ctx context.Context, namespace string) error {
	r.configMaps.Lock()
	defer r.configMaps.Unlock()
	if r.configMaps.watched {
		return nil
	}
	for _, stream := range r.Tenancy.Streams() {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
		err := r.APIReader.List(ctx, list, client.InNamespace(stream), client.Limit(1))
		if apierrors.IsForbidden(err) && stream != r.Tenancy.StreamOf(namespace) {
			return nil // the permissions are deleted with a namespace, and the others don't need them
		}
		if err != nil {
			return fmt.Errorf("list ConfigMaps: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, configMapsSyncTimeout)
	defer cancel()
	if err := r.configMaps.watch(ctx); err != nil {
		return fmt.Errorf("watch ConfigMaps: %w", err)
	}
	r.configMaps.watched = true
	return nil
}

// missesCABundle reports whether no watch reports changes of the account's CA bundle.
func (r *Reconciler) missesCABundle(account *v1alpha1.DeepCallAccount) bool {
	if ref := account.Spec.CABundleRef; ref.Name == "" || ref.Kind == v1alpha1.CABundleKindSecret {
		return false
	}
	r.configMaps.Lock()
	defer r.configMaps.Unlock()
	return !r.configMaps.watched
}
