package controller

import (
	"errors"

	"k8s.io/utils/clock"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// newClient makes the client of an account, or says what is wrong with its spec.
func (r *AccountReconciler) newClient(a *v1alpha1.DeepCallAccount) (*deepcall.Client, account.Problem) {
	made, err := r.NewClient(a.Spec)
	var caBundle *deepcall.CABundleError
	var endpoint *deepcall.EndpointError
	switch {
	case errors.As(err, &caBundle):
		return nil, account.Problem{Reason: v1alpha1.ReasonInvalidCABundle, Message: "spec.caBundle " + caBundle.Problem}
	case errors.As(err, &endpoint):
		return nil, account.Problem{Reason: v1alpha1.ReasonInvalidEndpoint, Message: "spec.endpoint " + endpoint.Problem}
	case err != nil:
		return nil, account.Problem{Reason: v1alpha1.ReasonInvalidEndpoint, Message: "spec.endpoint: " + err.Error()}
	}
	return made, r.Access.problem(a.Spec.AllowedNamespaces)
}

// clientFactory makes clients of DeepCall as the manager's flags say.
func clientFactory(options Options, clk clock.PassiveClock) func(v1alpha1.DeepCallAccountSpec) (*deepcall.Client, error) {
	return func(spec v1alpha1.DeepCallAccountSpec) (*deepcall.Client, error) {
		config := deepcall.Config{
			Endpoint:      spec.Endpoint,
			Timeout:       MaxRequestTimeout,
			CABundle:      spec.CABundle,
			AllowInsecure: options.AllowInsecureEndpoints,
			WrapTransport: options.WrapTransport,
			Now:           clk.Now,
		}
		if spec.RequestTimeout != nil {
			config.Timeout = min(spec.RequestTimeout.Duration, MaxRequestTimeout)
		}
		return deepcall.NewClient(config)
	}
}
