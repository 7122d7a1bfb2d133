package kustomize

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// overrides make the commands use the programs of the tests, and skip waiting for rollouts, because the control plane runs
// no Pods.
const overrides = `
cd %[2]s
kubectl() { if [[ $1 != rollout ]]; then %[1]s "$@"; fi; }
make() { command make --no-print-directory --old-file=bin/kustomize KUBECTL=%[1]s "$@"; }
`

// newCheckout creates a checkout for commands that write files next to it.
func newCheckout() string {
	GinkgoHelper()
	folder := filepath.Join(GinkgoT().TempDir(), "deepcall-operator")
	Expect(os.CopyFS(filepath.Join(folder, "config"), os.DirFS(config))).To(Succeed())
	for _, name := range []string{"Makefile", "bin", "hack"} {
		Expect(os.Symlink(filepath.Join(testenv.Root(), name), filepath.Join(folder, name))).To(Succeed())
	}
	return folder
}

var _ = Describe("The page about installing with kustomize", func() {
	It("shows commands that succeed in the order of the page", func() {
		blocks := testenv.Blocks(GinkgoTB(), "docs/install-kustomize.md", "sh")
		Expect(len(blocks)).To(BeNumerically(">", 10))
		kubectl("create", "namespace", "monitoring")
		checkout := newCheckout()
		namespaceLists := 0
		for _, block := range blocks {
			By(block.Text)
			_, err := run(fmt.Sprintf(overrides, plane.Kubectl, checkout)+block.Text, "bash", "-euo", "pipefail", "-s")
			Expect(err).NotTo(HaveOccurred())
			if strings.Contains(block.Text, "apply -k ../calls\n") {
				namespaceLists++
				Expect(kubectl("get", "deployment/deepcall-operator-controller-manager", "--namespace=deepcall-operator-system",
					`--output=jsonpath={.spec.template.spec.containers[*].env[?(@.name=="WATCH_NAMESPACES")].value}`)).To(Equal("deepcall-operator-system,sales"))
			}
		}
		Expect(namespaceLists).To(Equal(2), "installs and upgrades for selected namespaces")
		left := kubectl("get", "namespaces,crds,clusterroles,clusterrolebindings", "--output=name")
		Expect(regexp.MustCompile(".*deepcall.*").FindAllString(left, -1)).To(BeEmpty(), "leaves no objects")
	})
})
