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

// standIns are the programs that the commands find: those of the tests, but for the wait for a
// rollout, which nobody here carries out.
const standIns = `
cd %[2]s
kubectl() { if [[ $1 != rollout ]]; then %[1]s "$@"; fi; }
make() { command make --no-print-directory --old-file=bin/kustomize KUBECTL=%[1]s "$@"; }
`

// checkout is one of its own, for commands that write files beside it.
func checkout() string {
	GinkgoHelper()
	folder := filepath.Join(GinkgoT().TempDir(), "deepcall-operator")
	Expect(os.CopyFS(filepath.Join(folder, "config"), os.DirFS(config))).To(Succeed())
	for _, name := range []string{"Makefile", "bin", "hack"} {
		Expect(os.Symlink(filepath.Join(testenv.Root(), name), filepath.Join(folder, name))).To(Succeed())
	}
	return folder
}

var _ = Describe("The page about installing with kustomize", func() {
	It("shows commands that work, in the order of the page", func() {
		blocks := testenv.Blocks(GinkgoTB(), "docs/install-kustomize.md", "sh")
		Expect(len(blocks)).To(BeNumerically(">", 10))
		kubectl("create", "namespace", "monitoring")
		checkout := checkout()
		lists := 0
		for _, block := range blocks {
			By(block.Text)
			_, err := run(fmt.Sprintf(standIns, plane.Kubectl, checkout)+block.Text, "bash", "-euo", "pipefail", "-s")
			Expect(err).NotTo(HaveOccurred())
			if strings.Contains(block.Text, "apply -k ../calls\n") {
				lists++
				Expect(kubectl("get", "deployment/deepcall-operator-controller-manager", "--namespace=deepcall-operator-system",
					`--output=jsonpath={.spec.template.spec.containers[*].env[?(@.name=="WATCH_NAMESPACES")].value}`)).To(Equal("deepcall-operator-system,sales"))
			}
		}
		Expect(lists).To(Equal(2), "installed and upgraded for chosen namespaces")
		left := kubectl("get", "namespaces,crds,clusterroles,clusterrolebindings", "--output=name")
		Expect(regexp.MustCompile(".*deepcall.*").FindAllString(left, -1)).To(BeEmpty(), "nothing is left behind")
	})
})

var _ = Describe("The pages about installing", func() {
	It("say the same about the end of a watched namespace, and about two operators in one", func() {
		for _, name := range []string{"install-kustomize.md", "install-helm.md"} {
			page, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", name))
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Join(strings.Fields(string(page)), " ")).To(SatisfyAll(
				ContainSubstring("- A watched namespace that is deleted takes the operator's Roles in it along, and any mapping that is left "+
					"may then keep it from ending. Delete the mappings first, and wait until they are gone."),
				MatchRegexp("No two (operators|releases) may watch one namespace: both would call DeepCall for the same mappings."),
				ContainSubstring("two in one namespace share the lease, so that the second only stands by."),
			), name)
		}
	})
})
