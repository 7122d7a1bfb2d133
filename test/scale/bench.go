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
	rbacv1 "k8s.io/api/rbac/v1"
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
	initialToken     = "s3cr3t-1"
	maxRate          = 100_000 // the CRD's maximum of requestsPerSecond and burst
)

// removeFinalizers is a patch that lets a deletion end without the operator.
var removeFinalizers = client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))

// bench holds the control plane and the simulated DeepCall of all measurements.
type bench struct {
	config
	plane    *testenv.ControlPlane
	admin    client.Client
	api      *http.Client // an administrator's, for undecoded responses
	apiURL   string
	deepcall *deepCall
	dir      string
	// kubeconfig is that of the manager's ServiceAccount, which the floor uses, too.
	kubeconfig string
	logs       int // the number of log files
	progress   io.Writer
	result     *result
}

func newBench(ctx context.Context, c config, progress io.Writer) (*bench, error) {
	if _, err := os.Stat(c.manager); err != nil {
		return nil, fmt.Errorf("no manager; build it with 'make build': %w", err)
	}
	if c.pprof != "" {
		if err := checkProfiling(ctx, c.manager); err != nil {
			return nil, err
		}
	}
	b := &bench{config: c, progress: progress}
	b.logf("starting the control plane")
	plane, err := testenv.Start(withLargeEtcd)
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

// withLargeEtcd raises the quota of etcd from 2 GiB, for the history of 100,000 mappings.
func withLargeEtcd(environment *envtest.Environment) error {
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
		return fmt.Errorf("create an HTTP client: %w", err)
	}
	if b.admin, err = client.New(b.plane.Config, client.Options{Scheme: scheme, HTTPClient: b.api}); err != nil {
		return fmt.Errorf("create a client: %w", err)
	}
	b.dir, err = os.MkdirTemp("", "deepcall-scale-")
	return err
}

// install applies config/default and writes a kubeconfig for the manager's ServiceAccount.
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
	if err := b.permitFloor(ctx); err != nil {
		return err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: managerNamespace, Name: managerAccount}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 60 * 60))}}
	if err := b.admin.SubResource("token").Create(ctx, account, request); err != nil {
		return fmt.Errorf("create a token: %w", err)
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

// permitFloor adds the permissions for all ways in which the floor can write.
func (b *bench) permitFloor(ctx context.Context) error {
	meta := metav1.ObjectMeta{Name: "floor"}
	rule := rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Verbs: []string{"patch", "update"},
		Resources: []string{"agentgroupmappings", "agentgroupmappings/status"},
	}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: managerNamespace, Name: managerAccount}},
	}
	return errors.Join(b.admin.Create(ctx, role), b.admin.Create(ctx, binding))
}

// recreateAccount replaces the account and its Secret, so that all rounds start alike.
func (b *bench) recreateAccount(ctx context.Context) error {
	account := testenv.Account(accountName, b.deepcall.url).In(namespace).
		Limits(maxRate, maxRate, int32(b.Workers)).Build()
	secret := testenv.UserToken(accountName, userID, initialToken)
	secret.Namespace = namespace
	old := account.DeepCopy()
	if err := client.IgnoreNotFound(b.admin.Patch(ctx, old, removeFinalizers)); err != nil {
		return fmt.Errorf("remove the finalizers of the account: %w", err)
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

func (b *bench) stop() error {
	b.logf("stopping the control plane")
	if b.deepcall != nil {
		b.deepcall.close()
	}
	return errors.Join(b.plane.Stop(), os.RemoveAll(b.dir))
}

// logf logs progress.
func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.progress, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// reportProgress logs the progress every ten seconds, until stop is called.
func (b *bench) reportProgress(progress func() string) (stop func()) {
	ticker, stopped := time.NewTicker(10*time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				b.logf("%s", progress())
			case <-stopped:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(stopped) }
}
