package kustomize

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// standIns are the programs that the commands find: those of the tests, but for the wait for a
// rollout, which nobody here carries out.
const standIns = `
kubectl() { if [[ $1 != rollout ]]; then %[1]s "$@"; fi; }
make() { command make --no-print-directory --old-file=bin/kustomize KUBECTL=%[1]s "$@"; }
`

var _ = Describe("The page about installing with kustomize", func() {
	It("shows commands that work, in the order of the page", func() {
		page, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "install-kustomize.md"))
		Expect(err).NotTo(HaveOccurred())
		blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
		Expect(len(blocks)).To(BeNumerically(">", 10))
		kubectl("create", "namespace", "monitoring")
		for _, block := range blocks {
			By(block[1])
			_, err := run(fmt.Sprintf(standIns, plane.Kubectl)+block[1], "bash", "-euo", "pipefail", "-s")
			Expect(err).NotTo(HaveOccurred())
		}
		left := kubectl("get", "namespaces,crds,clusterroles,clusterrolebindings", "--output=name")
		Expect(regexp.MustCompile(".*deepcall.*").FindAllString(left, -1)).To(BeEmpty(), "nothing is left behind")
	})
})
