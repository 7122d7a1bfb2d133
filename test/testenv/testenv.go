// Package testenv gives tests a real kube-apiserver and etcd, and objects that read like sentences.
package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// ControlPlane is a running kube-apiserver and etcd with the operator's CRDs.
type ControlPlane struct {
	environment *envtest.Environment
	// Config is an administrator's.
	Config *rest.Config
	// Kubeconfig is the path of an administrator's kubeconfig.
	Kubeconfig string
	// Kubectl is the path of the kubectl of the same version.
	Kubectl string
}

// Option changes a control plane before it starts.
type Option func(*envtest.Environment) error

// Start starts a control plane from the binaries in KUBEBUILDER_ASSETS, or else in bin/k8s.
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
		return fmt.Errorf("make the kubeconfig: %w", err)
	}
	directory, err := os.MkdirTemp("", "deepcall-operator-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	p.Kubeconfig = filepath.Join(directory, "kubeconfig")
	if err := os.WriteFile(p.Kubeconfig, kubeconfig, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}

// Stop ends the control plane and removes its files.
func (p *ControlPlane) Stop() error {
	return errors.Join(p.environment.Stop(), os.RemoveAll(filepath.Dir(p.Kubeconfig)))
}

// Root is the top of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
