package reliability

import (
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// All worlds share one control plane.
var (
	plane  *testenv.ControlPlane
	scheme = runtime.NewScheme()
	admin  client.WithWatch
	mapper meta.RESTMapper
)

// startPlane starts the control plane.
func startPlane() error {
	ctrl.SetLogger(logr.Discard())
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("build the scheme: %w", err)
		}
	}
	var err error
	if plane, err = testenv.Start(); err != nil {
		return err
	}
	httpClient, err := rest.HTTPClientFor(plane.Config)
	if err != nil {
		return fmt.Errorf("make an HTTP client: %w", err)
	}
	if mapper, err = apiutil.NewDynamicRESTMapper(plane.Config, httpClient); err != nil {
		return fmt.Errorf("make a mapper: %w", err)
	}
	if admin, err = client.NewWithWatch(plane.Config, client.Options{Scheme: scheme, Mapper: mapper}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return nil
}

// sharedMapper spares each manager the discovery.
func sharedMapper(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil }
