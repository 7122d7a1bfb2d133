package plugin

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("docs/kubectl-plugin.md", func() {
	It("shows commands that work, with their output", func() {
		u := newUser("support")
		u.createMapping(testenv.Mapping("asha").Group("90", true).Group("91", false), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		u.mustRun(`kubectl patch agm ben --type=json -p '[{"op":"add","path":"/spec/groups/-","value":{"groupID":"99","receiveCall":true}}]'`)
		u.waitForReason("ben", "InvalidGroupData")
		Expect(os.MkdirAll(filepath.Join(u.dir, ".local", "bin"), 0o755)).To(Succeed())
		Expect(os.Symlink(programs, filepath.Join(u.dir, "bin"))).To(Succeed())

		blocks := testenv.Blocks(GinkgoTB(), "docs/kubectl-plugin.md", "sh", "console")
		Expect(len(blocks)).To(BeNumerically(">", 10))
		for _, block := range blocks {
			By(block.Text)
			if block.Language == "sh" {
				u.mustRun("%s", block.Text)
				continue
			}
			for _, shown := range block.Shown() {
				got := u.run(shown.Command)
				Expect(got.out+got.err).To(Equal(shown.Output), shown.Command)
			}
		}

		By("completing through kubectl as installed")
		completions := u.mustRun("PATH=~/.local/bin:$PATH kubectl __complete deepcall suspend as")
		Expect(completions).To(HavePrefix("asha\n"))
	})
})
