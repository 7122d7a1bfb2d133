package account

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// MaxRequestTimeout bounds a request. Lease and shutdown times must leave room for it (R14).
const MaxRequestTimeout = 9 * time.Second

// loadConfig returns the account's configuration, from its spec, its Secret and its CA bundle.
func (r *Reconciler) loadConfig(ctx context.Context, account *v1alpha1.DeepCallAccount) (dispatch.Config, error) {
	config := dispatch.Config{
		UID:      account.UID,
		Revision: account.Revision(),
		Endpoint: account.Spec.Endpoint,
		Limits: dispatch.Limits{
			RequestsPerSecond: int(account.Spec.Limits.RequestsPerSecond),
			Burst:             int(account.Spec.Limits.Burst),
			MaxInFlight:       int(account.Spec.Limits.MaxInFlight),
		},
	}
	before, _ := r.Dispatcher.Config(client.ObjectKeyFromObject(account))
	bundleError, err := r.loadCABundle(ctx, account, &config, before)
	if err != nil {
		return dispatch.Config{}, err
	}
	switch {
	case before.Revision == config.Revision && bytes.Equal(before.CABundle, config.CABundle):
		config.Client, config.SpecError = before.Client, before.SpecError
	case config.CABundleRef.Name == "":
		config.Client, config.SpecError = r.newClient(account, account.Spec.CABundle)
	case len(config.CABundle) > 0: // else the client would trust the system's roots
		config.Client, config.SpecError = r.newClient(account, config.CABundle)
	}
	data, secretError, err := r.readSecret(ctx, account)
	if err != nil {
		return dispatch.Config{}, err
	}
	if secretError == (dispatch.ConfigError{}) {
		config.SecretHash = hashData(data)
		config.Credentials, secretError = parseCredentials(account.Spec.CredentialsSecretRef.Name, data)
	}
	config.ConfigError = cmp.Or(bundleError, config.SpecError, secretError)
	return config, nil
}

// newClient returns the account's client, or the error in its spec or CA bundle.
func (r *Reconciler) newClient(account *v1alpha1.DeepCallAccount, bundle []byte) (*deepcall.Client, dispatch.ConfigError) {
	config := deepcall.Config{
		Endpoint:      account.Spec.Endpoint,
		Timeout:       MaxRequestTimeout,
		CABundle:      bundle,
		AllowInsecure: r.AllowInsecureEndpoints,
		Proxy:         r.Proxy,
		WrapTransport: r.WrapTransport,
		MaySend:       r.MaySend,
		Now:           r.Clock.Now,
	}
	if timeout := account.Spec.RequestTimeout; timeout != nil {
		config.Timeout = min(timeout.Duration, MaxRequestTimeout)
	}
	made, err := deepcall.NewClient(config)
	if caBundle, ok := errors.AsType[*deepcall.CABundleError](err); ok {
		return nil, dispatch.ConfigError(reason.InvalidCABundle(account.Spec.CABundleRef, caBundle.Problem))
	}
	if endpoint, ok := errors.AsType[*deepcall.EndpointError](err); ok {
		return nil, dispatch.ConfigError(reason.InvalidEndpoint(endpoint.Problem))
	}
	if err != nil {
		return nil, dispatch.ConfigError(reason.InvalidEndpoint(err.Error()))
	}
	switch invalid, ok := r.Tenancy.Validate(account.Spec.AllowedNamespaces); {
	case ok && invalid.Reason == v1alpha1.ReasonNamespaceUnreadable:
		return nil, dispatch.ConfigError(invalid) // not even removals can be sent: they could omit groups of unreadable mappings
	case ok:
		return made, dispatch.ConfigError(invalid)
	}
	return made, dispatch.ConfigError{}
}
