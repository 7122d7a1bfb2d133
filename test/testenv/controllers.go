package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// StartControllers runs the controllers that complete the deletion of namespaces and that add tokens to Secrets of
// ServiceAccounts, and those of more, until stop is called. Each uses its own ServiceAccount, as in clusters.
func (p *ControlPlane) StartControllers(more ...string) (stop func(), err error) {
	program := filepath.Join(filepath.Dir(p.Kubectl), "kube-controller-manager")
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("%s not found; run hack/kubernetes-binaries.sh kube-controller-manager: %w", program, err)
	}
	command := exec.Command(program, "--kubeconfig="+p.Kubeconfig, "--leader-elect=false",
		"--secure-port=0",
		"--controllers="+strings.Join(append(more, "namespace-controller", "serviceaccount-token-controller"), ","), "--use-service-account-credentials",
		"--service-account-private-key-file="+filepath.Join(p.environment.ControlPlane.GetAPIServer().CertDir, "sa-signer.key"))
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start kube-controller-manager: %w", err)
	}
	return func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}, nil
}
