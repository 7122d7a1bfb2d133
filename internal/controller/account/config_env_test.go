package account

import (
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
)

// apiServer has Secrets and ConfigMaps, by kind and name.
type apiServer struct {
	client.Reader
	objects map[string]map[string][]byte
	// binary puts the values of ConfigMaps into binaryData.
	binary bool
	// failures are the answers to requests, by "VERB KIND" or "VERB KIND in NAMESPACE".
	failures map[string]error
	lists    int
}

func (s *apiServer) Get(_ context.Context, name types.NamespacedName, obj client.Object, _ ...client.GetOption) error {
	switch obj := obj.(type) {
	case *corev1.Secret:
		data, err := s.find("Secret", name.Name)
		obj.Data = data
		return err
	case *corev1.ConfigMap:
		data, err := s.find("ConfigMap", name.Name)
		if s.binary {
			obj.BinaryData = data
			return err
		}
		obj.Data = map[string]string{}
		for key, value := range data {
			obj.Data[key] = string(value)
		}
		return err
	default:
		return errors.New("not a core object")
	}
}

func (s *apiServer) find(kind, name string) (map[string][]byte, error) {
	if err := s.failures["get "+kind]; err != nil {
		return nil, err
	}
	data, ok := s.objects[kind+"/"+name]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: kind}, name)
	}
	return data, nil
}

func (s *apiServer) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	s.lists++
	verbAndKind := "list " + list.GetObjectKind().GroupVersionKind().Kind
	return cmp.Or(s.failures[verbAndKind], s.failures[verbAndKind+" in "+(&client.ListOptions{}).ApplyOptions(options).Namespace])
}

var forbidden = apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no Role"))

// patchClient accepts every patch.
type patchClient struct{ client.Client }

func (patchClient) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return nil
}

// configEnv is a reconciler with an account whose configuration is put in force as Reconcile does.
type configEnv struct {
	*Reconciler
	t       *testing.T
	server  *apiServer
	account *v1alpha1.DeepCallAccount
	watches int
}

func newConfigEnv(t *testing.T, ref v1alpha1.CABundleReference) *configEnv {
	e := &configEnv{t: t, server: &apiServer{
		objects:  map[string]map[string][]byte{"Secret/acme-deepcall": {"ssid": []byte("s3ss10n")}},
		failures: map[string]error{},
	}}
	e.account = &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "acme", UID: "1", Generation: 1}}
	e.account.Spec.Endpoint = "https://deepcall.example"
	e.account.Spec.CredentialsSecretRef.Name = "acme-deepcall"
	e.account.Spec.Limits = v1alpha1.Limits{RequestsPerSecond: 1, Burst: 1, MaxInFlight: 1}
	e.account.Spec.CABundleRef = ref
	ignoreAgent := func(v1alpha1.AgentKey) {}
	e.Reconciler = NewReconciler(Options{
		Client: patchClient{}, APIReader: e.server, Clock: clock.RealClock{}, Tenancy: tenancy.New(nil, tenancy.Scope{}),
		Accounts: assume.New(func(*v1alpha1.DeepCallAccount) bool { return true },
			func(a *v1alpha1.DeepCallAccount) []string { return []string{a.Name} }),
		Dispatcher: dispatch.New(dispatch.Options{
			Clock: clock.RealClock{}, Enqueue: ignoreAgent, EnqueueLowPriority: ignoreAgent, EnqueueAccount: func(types.NamespacedName) {},
		}),
	})
	e.configMaps.watch = func(context.Context) error { e.watches++; return nil }
	return e
}

func (e *configEnv) configure() dispatch.Config {
	e.t.Helper()
	config, err := e.loadConfig(e.t.Context(), e.account)
	if err != nil {
		e.t.Fatal(err)
	}
	e.Dispatcher.Configure(client.ObjectKeyFromObject(e.account), config)
	return config
}

// expectConfig puts the configuration in force, and expects a client, or else an error with the reason.
func (e *configEnv) expectConfig(reason string) dispatch.Config {
	e.t.Helper()
	config, valid := e.configure(), reason == ""
	if config.ConfigError.Reason != reason || (config.ConfigError == dispatch.ConfigError{}) != valid || (config.Client != nil) != valid {
		e.t.Errorf("got the error %+v and the client %v, want %q", config.ConfigError, config.Client, reason)
	}
	return config
}

func certificate(t *testing.T) []byte {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func referenceTo(kind v1alpha1.CABundleKind) v1alpha1.CABundleReference {
	return v1alpha1.CABundleReference{Kind: kind, Name: "corp-ca", Key: "ca.crt"}
}

// set writes the CA bundle.
func (e *configEnv) set(bundle []byte) {
	e.server.objects["ConfigMap/corp-ca"] = map[string][]byte{"ca.crt": bundle}
}
