package kustomize

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("The page about security", func() {
	It("lists exactly the rights that config/rbac grants to the manager", func() {
		Expect(listedRights()).To(ConsistOf(grantedRights()))
	})
})

var code = regexp.MustCompile("`([^`]+)`")

// listedRights returns the rights in the table of the page, as "FILE: VERB RESOURCE.GROUP".
func listedRights() []string {
	GinkgoHelper()
	page, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "security.md"))
	Expect(err).NotTo(HaveOccurred())
	_, table, found := strings.Cut(string(page), "| file | verbs | resources | what for |\n|---|---|---|---|\n")
	Expect(found).To(BeTrue())
	table, _, _ = strings.Cut(table, "\n\n")
	var rights []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		for _, verb := range code.FindAllStringSubmatch(cells[2], -1) {
			for _, resource := range code.FindAllStringSubmatch(cells[3], -1) {
				name := resource[1]
				if strings.HasPrefix(name, "agentgroupmappings") || strings.HasPrefix(name, "deepcallaccounts") {
					name += ".telephony.deepcall.com"
				}
				rights = append(rights, code.FindStringSubmatch(cells[1])[1]+": "+verb[1]+" "+name)
			}
		}
	}
	return rights
}

// grantedRights returns the rights of all roles with a binding, which are those of the manager.
func grantedRights() []string {
	GinkgoHelper()
	folder := filepath.Join(config, "rbac")
	files, err := filepath.Glob(filepath.Join(folder, "*role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	more, err := filepath.Glob(filepath.Join(folder, "*", "*role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	var rights []string
	for _, file := range append(files, more...) {
		if _, err := os.Stat(strings.TrimSuffix(file, ".yaml") + "_binding.yaml"); os.IsNotExist(err) {
			continue // roles of users
		}
		text, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		var role rbacv1.ClusterRole // or a Role, with the same fields
		Expect(yaml.UnmarshalStrict(text, &role)).To(Succeed())
		name, err := filepath.Rel(folder, file)
		Expect(err).NotTo(HaveOccurred())
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights = append(rights, name+": "+verb+" "+strings.TrimSuffix(resource+"."+group, "."))
					}
				}
			}
		}
	}
	return rights
}
