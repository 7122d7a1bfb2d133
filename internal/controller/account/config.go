package account

import (
	"context"
	"errors"
	"net/http"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// MaxRequestTimeout bounds a request. Lease and shutdown times must leave room for it (R14).
const MaxRequestTimeout = 9 * time.Second

// ClientFactory returns the client for an account's spec. Its error is a *deepcall.EndpointError or *deepcall.CABundleError.
type ClientFactory func(v1alpha1.DeepCallAccountSpec) (*deepcall.Client, error)

// NewClientFactory returns the factory of real clients. allowInsecure allows http and local addresses; wrapTransport, if not
// nil, decorates the transport, which sees credentials.
func NewClientFactory(clk clock.PassiveClock, allowInsecure bool, wrapTransport func(http.RoundTripper) http.RoundTripper) ClientFactory {
	return func(spec v1alpha1.DeepCallAccountSpec) (*deepcall.Client, error) {
		config := deepcall.Config{
			Endpoint:      spec.Endpoint,
			Timeout:       MaxRequestTimeout,
			CABundle:      spec.CABundle,
			AllowInsecure: allowInsecure,
			WrapTransport: wrapTransport,
			Now:           clk.Now,
		}
		if spec.RequestTimeout != nil {
			config.Timeout = min(spec.RequestTimeout.Duration, MaxRequestTimeout)
		}
		return deepcall.NewClient(config)
	}
}

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

// newClient returns the account's client, or why its spec can't be used.
func (r *Reconciler) newClient(account *v1alpha1.DeepCallAccount) (*deepcall.Client, dispatch.ConfigError) {
	made, err := r.NewClient(account.Spec)
	var caBundle *deepcall.CABundleError
	var endpoint *deepcall.EndpointError
	switch {
	case errors.As(err, &caBundle):
		return nil, dispatch.ConfigError(reason.InvalidCABundle(caBundle.Problem))
	case errors.As(err, &endpoint):
		return nil, dispatch.ConfigError(reason.InvalidEndpoint(endpoint.Problem))
	case err != nil:
		return nil, dispatch.ConfigError(reason.InvalidEndpoint(err.Error()))
	}
	if invalid, ok := r.Tenancy.Validate(account.Spec.AllowedNamespaces); ok {
		return made, dispatch.ConfigError(invalid)
	}
	return made, dispatch.ConfigError{}
}
