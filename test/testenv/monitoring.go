package testenv

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// InstallMonitoringCRDs installs the CRDs of ServiceMonitor and PrometheusRule, which it generates from the Go types of
// prometheus-operator that hack/monitoring pins.
func (p *ControlPlane) InstallMonitoringCRDs() error {
	directory, err := os.MkdirTemp("", "monitoring-")
	if err != nil {
		return fmt.Errorf("create a directory: %w", err)
	}
	defer os.RemoveAll(directory)
	locate := exec.Command("go", "tool", "-n", "controller-gen")
	locate.Dir = Root()
	generator, err := locate.Output()
	if err != nil {
		return fmt.Errorf("build controller-gen: %w", err)
	}
	generate := exec.Command(strings.TrimSpace(string(generator)), "crd",
		"paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1", "output:crd:dir="+directory)
	generate.Dir = filepath.Join(Root(), "hack", "monitoring")
	if output, err := generate.CombinedOutput(); err != nil {
		return fmt.Errorf("generate the CRDs of prometheus-operator: %w: %s", err, output)
	}
	return p.installCRDs(
		filepath.Join(directory, "monitoring.coreos.com_servicemonitors.yaml"),
		filepath.Join(directory, "monitoring.coreos.com_prometheusrules.yaml"),
	)
}

// InstallCertManagerCRDs installs the CRDs of Certificate and Issuer from the module of cert-manager that hack/monitoring pins.
func (p *ControlPlane) InstallCertManagerCRDs() error {
	download := exec.Command("go", "mod", "download", "-json", "github.com/cert-manager/cert-manager")
	download.Dir = filepath.Join(Root(), "hack", "monitoring")
	output, err := download.Output()
	if err != nil {
		return fmt.Errorf("download the module of cert-manager: %w: %s", err, output)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(output, &module); err != nil {
		return fmt.Errorf("find the module of cert-manager: %w", err)
	}
	crds := filepath.Join(module.Dir, "deploy", "crds")
	return p.installCRDs(filepath.Join(crds, "cert-manager.io_certificates.yaml"), filepath.Join(crds, "cert-manager.io_issuers.yaml"))
}

func (p *ControlPlane) installCRDs(paths ...string) error {
	if _, err := envtest.InstallCRDs(p.Config, envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true}); err != nil {
		return fmt.Errorf("install the CRDs %v: %w", paths, err)
	}
	return nil
}
