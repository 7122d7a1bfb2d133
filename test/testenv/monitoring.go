package testenv

import (
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
	_, err = envtest.InstallCRDs(p.Config, envtest.CRDInstallOptions{
		Paths: []string{
			filepath.Join(directory, "monitoring.coreos.com_servicemonitors.yaml"),
			filepath.Join(directory, "monitoring.coreos.com_prometheusrules.yaml"),
		},
		ErrorIfPathMissing: true,
	})
	if err != nil {
		return fmt.Errorf("install the CRDs of prometheus-operator: %w", err)
	}
	return nil
}
