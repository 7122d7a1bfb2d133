package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	namespace        = "bench"
	managerNamespace = "deepcall-operator-system"
	managerAccount   = "deepcall-operator-controller-manager"
	accountName      = "acme"
	userID           = "1001"
	firstToken       = "s3cr3t-1"
	mostCalls        = 100_000 // the CRD's maximum of requestsPerSecond and burst
)

// bench is the stage on which all is measured: one control plane, one DeepCall.
type bench struct {
	config
	plane    *testenv.ControlPlane
	admin    client.Client
	api      *http.Client // an administrator's, for what needs no decoding
	apiURL   string
	deepcall *deepCall
	dir      string
	// kubeconfig is that of the manager's ServiceAccount, which the floor uses too.
	kubeconfig string
	logs       int // how many there are
	progress   io.Writer
	result     *result
}

// start brings up the stage.
func start(ctx context.Context, c config, progress io.Writer) (*bench, error) {
	if _, err := os.Stat(c.manager); err != nil {
		return nil, fmt.Errorf("there is no manager; 'make build' builds it: %w", err)
	}
	b := &bench{config: c, progress: progress}
	b.say("starting the control plane")
	plane, err := testenv.Start(withRoom)
	if err != nil {
		return nil, err
	}
	b.plane = plane
	for _, step := range []func(context.Context) error{b.connect, b.install, b.serveDeepCall} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, b.stop())
		}
	}
	b.result = newResult(ctx, c)
	return b, nil
}

// withRoom lets etcd grow beyond its default of 2 GiB, for the history of 100,000 mappings.
func withRoom(environment *envtest.Environment) error {
	etcd := &envtest.Etcd{}
	etcd.Configure().Set("quota-backend-bytes", fmt.Sprint(8<<30))
	environment.ControlPlane.Etcd = etcd
	return nil
}

func (b *bench) connect(context.Context) error {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("build the scheme: %w", err)
	}
	b.apiURL = strings.TrimSuffix(b.plane.Config.Host, "/")
	var err error
	if b.api, err = rest.HTTPClientFor(b.plane.Config); err != nil {
		return fmt.Errorf("make an HTTP client: %w", err)
	}
	if b.admin, err = client.New(b.plane.Config, client.Options{Scheme: scheme, HTTPClient: b.api}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	b.dir, err = os.MkdirTemp("", "deepcall-scale-")
	return err
}

// install gives the manager's ServiceAccount the rights that it is deployed with.
func (b *bench) install(ctx context.Context) error {
	command := exec.CommandContext(ctx, b.plane.Kubectl, "--kubeconfig", b.plane.Kubeconfig,
		"apply", "-k", filepath.Join(testenv.Root(), "config", "default"))
	command.Env = append(os.Environ(), "HOME="+b.dir)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("install: %w: %s", err, output)
	}
	if err := b.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return fmt.Errorf("create the namespace: %w", err)
	}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: managerNamespace, Name: managerAccount}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 60 * 60))}}
	if err := b.admin.SubResource("token").Create(ctx, owner, request); err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	config, err := clientcmd.LoadFromFile(b.plane.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	}
	b.kubeconfig = filepath.Join(b.dir, "kubeconfig")
	return clientcmd.WriteToFile(*config, b.kubeconfig)
}

// freshAccount replaces account and Secret, so that each round begins alike.
func (b *bench) freshAccount(ctx context.Context) error {
	account := testenv.Account(accountName, b.deepcall.url).In(namespace).
		Limits(mostCalls, mostCalls, int32(b.Workers)).Build()
	secret := testenv.UserToken(accountName, userID, firstToken)
	secret.Namespace = namespace
	old := account.DeepCopy()
	free := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	if err := client.IgnoreNotFound(b.admin.Patch(ctx, old, free)); err != nil {
		return fmt.Errorf("free the account: %w", err)
	}
	for _, obj := range []client.Object{old, secret.DeepCopy()} {
		if err := client.IgnoreNotFound(b.admin.Delete(ctx, obj)); err != nil {
			return fmt.Errorf("delete %s: %w", obj.GetName(), err)
		}
	}
	for _, obj := range []client.Object{secret, account} {
		if err := b.admin.Create(ctx, obj); err != nil {
			return fmt.Errorf("create %s: %w", obj.GetName(), err)
		}
	}
	return nil
}

// stop takes down what start brought up. What the processes logged is kept if something went wrong.
func (b *bench) stop() error {
	b.say("stopping the control plane")
	if b.deepcall != nil {
		b.deepcall.close()
	}
	return errors.Join(b.plane.Stop(), os.RemoveAll(b.dir))
}

// say tells on what the bench is.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
