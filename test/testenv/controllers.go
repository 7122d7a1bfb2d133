package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// StartNamespaceController runs the controller that completes the deletion of namespaces, until stop is called.
func (p *ControlPlane) StartNamespaceController() (stop func(), err error) {
	program := filepath.Join(filepath.Dir(p.Kubectl), "kube-controller-manager")
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("%s not found; run hack/controller-manager.sh: %w", program, err)
	}
	command := exec.Command(program, "--kubeconfig="+p.Kubeconfig, "--leader-elect=false",
		"--controllers=namespace-controller", "--secure-port=0")
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start kube-controller-manager: %w", err)
	}
	return func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}, nil
}
