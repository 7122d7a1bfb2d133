package account

import (
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

// loadConfig returns the account's configuration, from its spec and its Secret.
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
	if before, ok := r.Dispatcher.Config(client.ObjectKeyFromObject(account)); ok && before.Revision == config.Revision {
		config.Client, config.SpecError = before.Client, before.SpecError
	} else {
		config.Client, config.SpecError = r.newClient(account)
	}
	data, secretError, err := r.readSecret(ctx, account)
	if err != nil {
		return dispatch.Config{}, err
	}
	if secretError == (dispatch.ConfigError{}) {
		config.SecretHash = hashData(data)
		config.Credentials, secretError = parseCredentials(account.Spec.CredentialsSecretRef.Name, data)
	}
	config.ConfigError = config.SpecError
	if config.ConfigError == (dispatch.ConfigError{}) {
		config.ConfigError = secretError
	}
	return config, nil
}

// newClient returns the account's client, or the error in its spec.
func (r *Reconciler) newClient(account *v1alpha1.DeepCallAccount) (*deepcall.Client, dispatch.ConfigError) {
	config := deepcall.Config{
		Endpoint:      account.Spec.Endpoint,
		Timeout:       MaxRequestTimeout,
		CABundle:      account.Spec.CABundle,
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
		return nil, dispatch.ConfigError(reason.InvalidCABundle(caBundle.Problem))
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
