package plugin

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// help returns the indented lines below a heading in the help of a command, without blank ones.
func (u *user) help(command, heading string) []string {
	GinkgoHelper()
	_, text, _ := strings.Cut(u.mustRun("kubectl deepcall %s --help", command), "\n"+heading+":\n")
	var lines []string
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !strings.HasPrefix(line, " ") {
			break
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

var _ = Describe("--help", func() {
	// commands are the plugin itself and its commands. Specs are defined before the plugin is built, so its help can't list them.
	commands := []string{"", "check", "code", "diff", "import", "resume", "resync", "roster", "status", "suspend", "version"}
	// statuses are the exit statuses of the examples of a command. The default is 0.
	statuses := map[string][]int{"check": {0, 1}, "diff": {1}}

	// setup creates a user with the mapping and the files of the examples.
	setup := func(command string) *user {
		u := newUser(strings.TrimSuffix("examples-"+command, "-"))
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.mustRun("kubectl label agm asha team=night")
		u.mustRun("mkdir -p mappings main/mappings overlays/production")
		for _, path := range []string{"mapping.yaml", "mappings/asha.yaml", "overlays/production/asha.yaml"} {
			u.writeFile(path, manifestOf("asha", "91", true)...)
		}
		u.writeFile("main/mappings/asha.yaml", manifestOf("asha", "90", true)...)
		u.writeFile("overlays/production/kustomization.yaml", "resources: [asha.yaml]")
		u.writeFile("roster.csv", "agent,group,receives", "9,90,yes", "10,91,no")
		u.stub("helm", "cat mapping.yaml")
		u.stub("jq", "cat")
		return u
	}

	for _, command := range commands {
		It(strings.TrimSpace("shows examples that work for kubectl deepcall "+command), func() {
			u := setup(command)
			ran := 0
			for _, example := range u.help(command, "Examples") {
				if strings.HasPrefix(example, "#") {
					continue
				}
				By(example)
				ran++
				example = strings.ReplaceAll(example, "-n support", "-n "+u.namespace)
				if strings.Contains(example, "--watch") {
					Eventually(u.watch(example)).Should(gbytes.Say("asha"))
					continue
				}
				got := u.run("PATH=" + filepath.Join(u.dir, "bin") + ":$PATH\n" + example)
				Expect(append([]int{0}, statuses[command]...)).To(ContainElement(got.status), "%s: %s%s", example, got.out, got.err)
				if command == "diff" {
					Expect(got.out).To(ContainSubstring("asha"))
				}
				u.waitUntilInSync()
			}
			Expect(ran).NotTo(BeZero())
		})
	}

	It("lists the commands whose examples are tested", func() {
		listed := []string{""}
		for _, line := range newUser("examples-list").help("", "Available Commands") {
			listed = append(listed, strings.Fields(line)[0])
		}
		Expect(listed).To(ConsistOf(append([]string{"completion", "help"}, commands...)))
	})
})
