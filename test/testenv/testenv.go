// Package testenv provides tests with a kube-apiserver and etcd, builders of objects, and shared helpers.
package testenv

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// ControlPlane is a running kube-apiserver and etcd with the operator's CRDs.
type ControlPlane struct {
	environment *envtest.Environment
	// Config has administrator permissions.
	Config *rest.Config
	// Kubeconfig is the path of a kubeconfig with administrator permissions.
	Kubeconfig string
	// Kubectl is the path of a kubectl of the same version.
	Kubectl string
}

// Option changes a control plane before it starts.
type Option func(*envtest.Environment) error

// Start starts a control plane from the binaries in KUBEBUILDER_ASSETS, by default bin/k8s.
func Start(options ...Option) (*ControlPlane, error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join(Root(), "bin", "k8s")
	}
	if _, err := os.Stat(filepath.Join(assets, "kube-apiserver")); err != nil {
		return nil, fmt.Errorf("no kube-apiserver in %s; run 'make control-plane' first: %w", assets, err)
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join(Root(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	for _, option := range options {
		if err := option(environment); err != nil {
			return nil, err
		}
	}
	config, err := environment.Start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), environment.Stop())
	}
	config.QPS = -1
	plane := &ControlPlane{environment: environment, Config: config, Kubectl: filepath.Join(assets, "kubectl")}
	if err := plane.writeKubeconfig(); err != nil {
		return nil, errors.Join(err, environment.Stop())
	}
	return plane, nil
}

func (p *ControlPlane) writeKubeconfig() error {
	admin, err := p.environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return fmt.Errorf("add the administrator: %w", err)
	}
	kubeconfig, err := admin.KubeConfig()
	if err != nil {
		return fmt.Errorf("create the kubeconfig: %w", err)
	}
	directory, err := os.MkdirTemp("", "deepcall-operator-")
	if err != nil {
		return fmt.Errorf("create a directory: %w", err)
	}
	p.Kubeconfig = filepath.Join(directory, "kubeconfig")
	if err := os.WriteFile(p.Kubeconfig, kubeconfig, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}

// Run runs a program with the kubectl and the kubeconfig of the control plane. It returns the output, including the error output.
func (p *ControlPlane) Run(input, program string, args ...string) (string, error) {
	command := exec.Command(program, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+p.Kubeconfig, "HOME="+filepath.Dir(p.Kubeconfig),
		"PATH="+filepath.Dir(p.Kubectl)+":"+os.Getenv("PATH"))
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	return string(output), err
}

// Stop stops the control plane and removes its files.
func (p *ControlPlane) Stop() error {
	return errors.Join(p.environment.Stop(), os.RemoveAll(filepath.Dir(p.Kubeconfig)))
}

// Main calls run, which runs the tests, and exits with its code. It is the body of a TestMain.
func Main(m *testing.M, run func(*testing.M) (code int, err error)) {
	flag.Parse() // exits on invalid flags before run starts processes
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Root returns the root directory of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
