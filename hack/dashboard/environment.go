package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	managerNamespace = "deepcall-operator-system"
	managerAccount   = "deepcall-operator-controller-manager"
	managerRole      = "deepcall-operator-manager-role"
)

// environment is the processes of a run.
type environment struct {
	options
	scenario scenario
	progress io.Writer
	plane    *testenv.ControlPlane
	admin    client.Client
	dir      string
	// deepcalls are the simulated DeepCalls by the namespace of their account.
	deepcalls  map[string]*deepCall
	replicas   []*replica
	prometheus string // its address
	stops      []func() error

	started time.Time
	events  []event
}

// deepCall is a simulated DeepCall.
type deepCall struct {
	*deepcalltest.Server
	url string
}

// startEnvironment starts all processes and creates the namespaces of the scenario.
func startEnvironment(ctx context.Context, o options, chosen scenario, progress io.Writer) (*environment, error) {
	e := &environment{options: o, scenario: chosen, progress: progress, deepcalls: map[string]*deepCall{}}
	e.logf("starting the control plane")
	for _, step := range []func(context.Context) error{
		e.startControlPlane, e.install, e.startDeepCalls, e.prepareReplicas, e.startPrometheus, e.startReplicas,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, e.stop())
		}
	}
	e.started = time.Now()
	return e, nil
}

// stop stops the processes, latest first.
func (e *environment) stop() error {
	var errs []error
	for i := len(e.stops) - 1; i >= 0; i-- {
		errs = append(errs, e.stops[i]())
	}
	return errors.Join(errs...)
}

func (e *environment) logf(format string, args ...any) {
	fmt.Fprintf(e.progress, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func (e *environment) startControlPlane(context.Context) error {
	plane, err := testenv.Start()
	if err != nil {
		return err
	}
	e.plane = plane
	e.stops = append(e.stops, plane.Stop)
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return fmt.Errorf("build the scheme: %w", err)
	}
	if e.admin, err = client.New(plane.Config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("create a client: %w", err)
	}
	if e.dir, err = os.MkdirTemp("", "deepcall-dashboard-"); err != nil {
		return fmt.Errorf("create a directory: %w", err)
	}
	e.stops = append(e.stops, func() error { return os.RemoveAll(e.dir) })
	return nil
}

// install installs the operator. Its permissions are limited to the watched namespaces but the unreadable one.
func (e *environment) install(ctx context.Context) error {
	if _, err := e.kubectl(ctx, "apply", "--server-side", "-k", filepath.Join(testenv.Root(), "config", "default")); err != nil {
		return err
	}
	if _, err := e.kubectl(ctx, "delete", "clusterrolebinding", "deepcall-operator-manager-rolebinding"); err != nil {
		return err
	}
	for _, namespace := range e.scenario.namespaces {
		if _, err := e.kubectl(ctx, "create", "namespace", namespace); err != nil {
			return err
		}
		if namespace == unreadable {
			continue
		}
		if _, err := e.kubectl(ctx, "create", "rolebinding", "manager", "--namespace="+namespace, "--clusterrole="+managerRole,
			"--serviceaccount="+managerNamespace+":"+managerAccount); err != nil {
			return err
		}
	}
	token, err := e.kubectl(ctx, "create", "token", managerAccount, "--namespace="+managerNamespace, "--duration=2h")
	if err != nil {
		return err
	}
	config, err := clientcmd.LoadFromFile(e.plane.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: strings.TrimSpace(token)}
	}
	return clientcmd.WriteToFile(*config, e.kubeconfig())
}

// kubeconfig is the path of the manager's kubeconfig.
func (e *environment) kubeconfig() string { return filepath.Join(e.dir, "kubeconfig") }

func (e *environment) kubectl(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, e.plane.Kubectl, append([]string{"--kubeconfig=" + e.plane.Kubeconfig}, args...)...)
	command.Env = append(os.Environ(), "HOME="+e.dir)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

// startDeepCalls starts a simulated DeepCall for the account of each namespace, so that each can fail alone.
func (e *environment) startDeepCalls(context.Context) error {
	for _, namespace := range e.scenario.namespaces {
		simulator := deepcalltest.New(deepcalltest.Options{
			Accounts: []deepcalltest.Account{{UserID: userID(namespace), Token: token}},
			Groups:   groups, Latency: e.scenario.latency, Jitter: e.scenario.latency,
		})
		server := httptest.NewServer(http.Handler(simulator))
		e.deepcalls[namespace] = &deepCall{simulator, server.URL}
		e.stops = append(e.stops, func() error {
			simulator.Close()
			server.Close()
			return nil
		})
	}
	return nil
}
