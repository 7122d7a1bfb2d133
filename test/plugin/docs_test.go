package plugin

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("The page about the plugin", func() {
	It("shows commands that work, and what they print, in the order of the page", func() {
		p := somebody("support")
		p.declare(testenv.Mapping("asha").Group("90", true).Group("91", false), "Synced")
		p.declare(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		p.does(`kubectl patch agm ben --type=json -p '[{"op":"add","path":"/spec/groups/-","value":{"groupID":"99","receiveCall":true}}]'`)
		p.waitFor("ben", "InvalidGroupData")
		Expect(os.MkdirAll(filepath.Join(p.folder, ".local", "bin"), 0o755)).To(Succeed())
		Expect(os.Symlink(programs, filepath.Join(p.folder, "bin"))).To(Succeed())

		blocks := testenv.Blocks(GinkgoTB(), "docs/kubectl-plugin.md", "sh", "console")
		Expect(len(blocks)).To(BeNumerically(">", 12))
		for _, block := range blocks {
			By(block.Text)
			if block.Language == "sh" {
				p.does("%s", block.Text)
				continue
			}
			for _, shown := range block.Shown() {
				got := p.run(shown.Command)
				Expect(got.out+got.err).To(Equal(shown.Output), shown.Command)
			}
		}

		By("completing through kubectl, as the page has it installed")
		completed := p.does("PATH=~/.local/bin:$PATH kubectl __complete deepcall suspend as")
		Expect(completed).To(HavePrefix("asha\n"))
	})
})
