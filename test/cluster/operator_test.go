//go:build cluster

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// The chart, with the release name below, and the manifests use the same names.
const (
	operatorNamespace = "deepcall-operator-system"
	operatorRelease   = "deepcall-operator"
	deployment        = "deepcall-operator-controller-manager"
)

// installChart installs this version of the chart, and uninstalls it at the end of the spec.
func installChart(flags ...string) {
	GinkgoHelper()
	createNamespace(operatorNamespace)
	DeferCleanup(uninstallChart)
	deploy("install", currentChart, "test", flags...)
}

// deploy runs helm install or helm upgrade for the operator's release, with an image in the cluster.
func deploy(command, chart, tag string, flags ...string) {
	GinkgoHelper()
	deployIn(operatorNamespace, operatorRelease, command, chart, tag, flags...)
}

func deployIn(namespace, release, command, chart, tag string, flags ...string) {
	GinkgoHelper()
	helm(append([]string{
		command, release, chart, "--namespace=" + namespace, "--wait", "--timeout=2m", "--set-string=image.tag=" + tag,
		"--set=image.repository=deepcall.test/operator,image.pullPolicy=Never,crds.install=false",
	}, flags...)...)
}

func uninstallChart() {
	GinkgoHelper()
	uninstallRelease()
	deleteNamespace(operatorNamespace)
}

// uninstallRelease uninstalls the chart as documented, and leaves the namespace with the lease.
func uninstallRelease() {
	GinkgoHelper()
	scaleTo(0)
	helm("uninstall", operatorRelease, "--namespace="+operatorNamespace, "--wait")
}

// scaleTo sets the number of replicas and waits until there are so many Pods.
func scaleTo(replicas int) {
	GinkgoHelper()
	kubectl("scale", "deployment/"+deployment, "--namespace="+operatorNamespace, fmt.Sprintf("--replicas=%d", replicas))
	Eventually(pods).WithArguments(operatorNamespace).Should(HaveLen(replicas))
	waitForRollout()
}

func waitForRollout() {
	GinkgoHelper()
	kubectl("rollout", "status", "deployment/"+deployment, "--namespace="+operatorNamespace, "--timeout=2m")
}

// applyKustomization applies a kustomization that consists of a directory of config with the image of the tests. It
// returns the kustomization's directory.
func applyKustomization(base string) string {
	GinkgoHelper()
	directory := GinkgoT().TempDir()
	relative, err := filepath.Rel(directory, filepath.Join(testenv.Root(), "config", base))
	Expect(err).NotTo(HaveOccurred())
	text := fmt.Sprintf("resources: [%s]\nimages: [{name: ghcr.io/deepcall/deepcall-operator, newName: deepcall.test/operator, newTag: test}]\n", relative)
	Expect(os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(text), 0o600)).To(Succeed())
	kubectl("apply", "--server-side", "--force-conflicts", "--kustomize="+directory)
	waitForRollout()
	return directory
}

// pods returns the Pods of the operator in a namespace.
func pods(namespace string) []corev1.Pod {
	GinkgoHelper()
	var list corev1.PodList
	Expect(admin.List(context.Background(), &list, client.InNamespace(namespace),
		client.MatchingLabels{"control-plane": "controller-manager"})).To(Succeed())
	return list.Items
}

// restarts returns the number of restarts of the containers of the operator in a namespace.
func restarts(namespace string) int {
	GinkgoHelper()
	count := 0
	for _, pod := range pods(namespace) {
		for _, status := range pod.Status.ContainerStatuses {
			count += int(status.RestartCount)
		}
	}
	return count
}

// leader returns the Pod that holds the lease, or nil.
func leader() *corev1.Pod {
	GinkgoHelper()
	holder := ptr.Deref(lease().Spec.HolderIdentity, "")
	for _, pod := range pods(operatorNamespace) {
		if strings.HasPrefix(holder, pod.Name+"_") {
			return &pod
		}
	}
	return nil
}

// lease returns the operator's lease, or an empty one if there is none.
func lease() coordinationv1.Lease {
	GinkgoHelper()
	var leases coordinationv1.LeaseList
	Expect(admin.List(context.Background(), &leases, client.InNamespace(operatorNamespace))).To(Succeed())
	if len(leases.Items) == 0 {
		return coordinationv1.Lease{}
	}
	return leases.Items[0]
}

// isReady reports whether all replicas of the operator are ready.
func isReady() bool {
	GinkgoHelper()
	var object appsv1.Deployment
	Expect(admin.Get(context.Background(), client.ObjectKey{Namespace: operatorNamespace, Name: deployment}, &object)).To(Succeed())
	return object.Status.ReadyReplicas == *object.Spec.Replicas
}

// managerProcess returns a shell command that sets $pid to the ID of a Pod's manager on the node.
func managerProcess(pod *corev1.Pod) string {
	uid := strings.ReplaceAll(string(pod.UID), "-", "[-_]")
	return fmt.Sprintf(`for p in /proc/[0-9]*; do
	if grep -qs 'pod%s' "$p/cgroup" && [ "$(readlink "$p/exe")" = /manager ]; then pid=${p#/proc/}; fi
done; [ -n "$pid" ] || { echo no manager process; exit 1; }; `, uid)
}
