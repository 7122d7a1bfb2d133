package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// credentials reads the account's Secret, past the cache and past any log: client-go logs bodies
// at a high verbosity with the context's logger.
func (r *AccountReconciler) credentials(ctx context.Context, a *v1alpha1.DeepCallAccount) (deepcall.Credentials, account.Problem, error) {
	name := a.Spec.CredentialsSecretRef.Name
	var secret corev1.Secret
	quiet := klog.NewContext(ctx, logr.Discard())
	err := r.Live.Get(quiet, client.ObjectKey{Namespace: a.Namespace, Name: name}, &secret)
	if apierrors.IsNotFound(err) {
		return deepcall.Credentials{}, account.Problem{
			Reason:  v1alpha1.ReasonSecretNotFound,
			Message: fmt.Sprintf("There is no Secret %q in this namespace; create it with userId and token, or with ssid", name),
		}, nil
	}
	if apierrors.IsForbidden(err) {
		return deepcall.Credentials{}, account.Problem{
			Reason:  v1alpha1.ReasonSecretForbidden,
			Message: "The operator may not read Secrets of this namespace; give its ServiceAccount the right to get, list and watch secrets here",
		}, nil
	}
	if err != nil {
		return deepcall.Credentials{}, account.Problem{}, fmt.Errorf("get the Secret %q: %w", name, err)
	}
	credentials, err := deepcall.ParseCredentials(secret.Data)
	var unusable *deepcall.CredentialsError
	if errors.As(err, &unusable) {
		return deepcall.Credentials{}, account.Problem{
			Reason:  v1alpha1.ReasonInvalidCredentials,
			Message: fmt.Sprintf("The Secret %q %s", name, unusable.Problem),
		}, nil
	}
	return credentials, account.Problem{}, err
}
