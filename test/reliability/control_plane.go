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

// All environments share one control plane.
var (
	controlPlane *testenv.ControlPlane
	scheme       = runtime.NewScheme()
	k8sClient    client.WithWatch
	restMapper   meta.RESTMapper
)

// startControlPlane starts the control plane and creates the clients.
func startControlPlane() error {
	ctrl.SetLogger(logr.Discard())
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("build scheme: %w", err)
		}
	}
	var err error
	if controlPlane, err = testenv.Start(); err != nil {
		return err
	}
	httpClient, err := rest.HTTPClientFor(controlPlane.Config)
	if err != nil {
		return fmt.Errorf("create HTTP client: %w", err)
	}
	if restMapper, err = apiutil.NewDynamicRESTMapper(controlPlane.Config, httpClient); err != nil {
		return fmt.Errorf("create REST mapper: %w", err)
	}
	if k8sClient, err = client.NewWithWatch(controlPlane.Config, client.Options{Scheme: scheme, Mapper: restMapper}); err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	return nil
}

// sharedMapper saves each manager its own API discovery.
func sharedMapper(*rest.Config, *http.Client) (meta.RESTMapper, error) { return restMapper, nil }
