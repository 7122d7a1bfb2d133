package plugin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// manifestOf returns the manifest of a mapping of agent 7 with one group.
func manifestOf(name, group string, receives bool) []string {
	return []string{
		"apiVersion: telephony.deepcall.com/v1alpha1", "kind: AgentGroupMapping", "metadata: {name: " + name + "}",
		`spec: {accountRef: {name: acme}, agentID: "7", groups: [{groupID: "` + group + fmt.Sprintf(`", receiveCall: %t}]}`, receives), "---",
	}
}

var _ = Describe("kubectl deepcall diff", func() {
	It("keeps what another tool has set, as kubectl apply does", func() {
		u := newUser("diff-merge")
		u.writeFile("asha.yaml", manifestOf("asha", "90", true)...)
		u.mustRun("kubectl apply -f asha.yaml")
		u.waitForReason("asha", "Synced")
		u.mustRun("kubectl deepcall suspend asha")
		u.writeFile("asha.yaml", manifestOf("asha", "91", true)...)
		got := u.run("kubectl deepcall diff -f asha.yaml")
		Expect(got.status).To(Equal(1))
		Expect(got.out).To(And(ContainSubstring("pending (Suspended)"), Not(ContainSubstring("REQUEST"))))

		requests := len(u.deepcall.Requests())
		u.mustRun("kubectl apply -f asha.yaml")
		u.waitForReason("asha", "Suspended")
		Expect(u.mapping("asha").Spec.Suspend).To(BeTrue())
		Expect(u.deepcall.Requests()).To(HaveLen(requests))
		u.mustRun("kubectl deepcall resume asha")
	})

	It("needs only the role view, and reports the mappings that the caller can't read", func() {
		u, sales := newUser("diff-view"), newUser("diff-view-sales")
		u.mustRun(`kubectl patch dca acme --type=merge -p '{"spec":{"allowedNamespaces":{"from":"All"}}}'`)
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		sales.createMapping(testenv.Mapping("asha-sales").AccountIn("diff-view", "acme").Group("91", true), "Synced")
		u.mustRun("kubectl apply -f %s && kubectl create rolebinding viewers --clusterrole=deepcall-viewer --user=viewer",
			filepath.Join(testenv.Root(), "config", "rbac", "viewer_role.yaml"))
		u.mustRun("kubectl wait dca acme --for=jsonpath={.status.mappings}=2 --timeout=20s")
		u.writeFile("asha.yaml", manifestOf("asha", "92", true)...)

		all := u.run("kubectl deepcall diff -f asha.yaml")
		Expect(all.out).To(ContainSubstring("90=N 91=Y 92=Y"))
		got := u.run("kubectl deepcall diff -f asha.yaml --as viewer")
		Expect(got.status).To(Equal(1), got.err)
		Expect(got.out).To(And(ContainSubstring("90=N 92=Y"), ContainSubstring(
			"note: You can't read 1 of the 2 mappings of account diff-view/acme, which are in other namespaces than diff-view.")))
		forbidden := u.run("kubectl deepcall diff -f asha.yaml --as stranger")
		Expect(forbidden.status).To(Equal(2))
		Expect(forbidden.err).To(ContainSubstring("role view permits reading mappings"))
	})

	It("deletes with --prune what the manifests lack, within the selector and their namespaces", func() {
		u, apart := newUser("diff-prune"), newUser("diff-prune-apart")
		u.createMapping(testenv.Mapping("asha").Group("90", true), "Synced")
		u.createMapping(testenv.Mapping("ben").Agent("8").Group("90", true), "Synced")
		apart.createMapping(testenv.Mapping("cara").Agent("9").Group("90", true), "Synced")
		u.mustRun("kubectl label agm ben team=night")
		u.writeFile("asha.yaml", manifestOf("asha", "90", true)...)
		Expect(u.run("kubectl deepcall diff -f asha.yaml")).To(Equal(result{out: "Nothing changes in DeepCall.\n"}))
		Expect(u.run("kubectl deepcall diff -f asha.yaml --prune").out).To(And(ContainSubstring("diff-prune/ben   90=N"), Not(ContainSubstring("cara"))))
		Expect(u.run("kubectl deepcall diff -f asha.yaml --prune -l team=day").out).To(Equal("Nothing changes in DeepCall.\n"))
	})
})

var _ = Describe("kubectl deepcall diff of a Namespace", func() {
	It("shows which mappings its new labels permit", func() {
		owner, team := newUser("diff-labels"), newUser("diff-labels-team")
		owner.mustRun(`kubectl patch dca acme --type=merge -p '{"spec":{"allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"calls":"permitted"}}}}}'`)
		team.createMapping(testenv.Mapping("asha").AccountIn("diff-labels", "acme").Group("90", true), "AccountNotPermitted")
		team.writeFile("namespace.yaml", "apiVersion: v1", "kind: Namespace", "metadata: {name: diff-labels-team, labels: {calls: permitted}}")
		got := team.run("kubectl deepcall diff -f namespace.yaml")
		Expect(got.status).To(Equal(1), got.err)
		Expect(got.out).To(ContainSubstring("diff-labels-team/asha   90=Y"))

		team.mustRun("kubectl apply -f namespace.yaml")
		team.waitForReason("asha", "Synced")
		Expect(owner.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(team.run("kubectl deepcall diff -f namespace.yaml").status).To(BeZero())
	})
})

// job is a job of the CI of docs/how-to/preview-changes.md.
type job struct {
	Steps []struct {
		Run, If string
		Env     map[string]string
	}
	Script []string
}

var _ = Describe("docs/how-to/preview-changes.md", func() {
	// setup creates a repository whose branch changes a manifest, and a directory with the commands of a runner.
	setup := func(namespace string) *user {
		u := newUser(namespace)
		u.mustRun("git init -q -b main repo && cd repo && git config user.name me && git config user.email me@example.com && mkdir mappings")
		u.writeFile("repo/mappings/asha.yaml", manifestOf("asha", "90", true)...)
		u.mustRun("cd repo && git add . && git commit -qm main && git checkout -qb change")
		for _, name := range []string{"gh", "go"} {
			u.stub(name, `echo "`+name+` $*" >> "$HOME/log"`)
		}
		return u
	}
	jobOf := func(section string) job {
		blocks := testenv.Blocks(GinkgoTB(), "docs/how-to/preview-changes.md", "yaml")
		for _, block := range blocks {
			if block.Section != section {
				continue
			}
			var file map[string]any
			Expect(yaml.Unmarshal([]byte(block.Text), &file)).To(Succeed())
			if jobs, ok := file["jobs"].(map[string]any); ok {
				file = jobs
			}
			for _, one := range file {
				var j job
				text, err := yaml.Marshal(one)
				Expect(err).NotTo(HaveOccurred())
				if yaml.Unmarshal(text, &j) == nil && len(j.Steps)+len(j.Script) > 0 {
					return j
				}
			}
		}
		Fail("found no job in section " + section)
		return job{}
	}

	It("has a job for GitHub Actions that comments on the pull request", func() {
		u := setup("diff-github")
		runJob := func() (all result) {
			for _, step := range jobOf("GitHub Actions").Steps {
				if step.Run == "" || all.status != 0 && step.If != "always()" {
					continue
				}
				got := u.run("cd repo && export PATH=$HOME/bin:$PATH BASE=main URL=https://github.com/acme/roster/pull/1\n" + step.Run)
				all = result{all.out + got.out, all.err + got.err, max(all.status, got.status)}
			}
			return all
		}
		u.writeFile("repo/mappings/asha.yaml", manifestOf("asha", "91", true)...)
		u.mustRun("cd repo && git commit -qam change")
		Expect(runJob().status).To(BeZero())
		Expect(u.mustRun("cat repo/comment.md")).To(And(HavePrefix("### Effect on DeepCall\n"), ContainSubstring("**stops**")))
		Expect(u.mustRun("cat log")).To(HaveSuffix("gh pr comment https://github.com/acme/roster/pull/1 --edit-last --create-if-none --body-file comment.md\n"))

		By("running again on the same runner")
		u.mustRun("cd repo && sed -i s/groups/gruops/ mappings/asha.yaml && git commit -qam typo")
		got := runJob()
		Expect(got.status).To(Equal(2))
		Expect(got.err).To(ContainSubstring(`unknown field "spec.gruops"`))
		Expect(u.mustRun("cat repo/comment.md")).To(And(HavePrefix("### Effect on DeepCall: unknown\n\n    mappings/asha.yaml: "), ContainSubstring(`unknown field "spec.gruops"`)))
		Expect(strings.Count(u.mustRun("cat log"), "gh pr comment")).To(Equal(2))
	})

	It("has a job for GitLab that comments on the merge request", func() {
		u := setup("diff-gitlab")
		comments := make(chan url.Values, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			r.PostForm.Set("path", r.URL.Path)
			r.PostForm.Set("token", r.Header.Get("PRIVATE-TOKEN"))
			comments <- r.PostForm
		}))
		DeferCleanup(server.Close)
		u.writeFile("repo/mappings/asha.yaml", manifestOf("asha", "91", true)...)
		u.mustRun("cd repo && git commit -qam change")
		Expect(os.Setenv("NO_PROXY", "127.0.0.1")).To(Succeed())
		script := strings.Join(jobOf("GitLab").Script, "\n")
		runJob := func() result {
			return u.run("cd repo && export PATH=$HOME/bin:$PATH CI_API_V4_URL=" + server.URL + " CI_PROJECT_ID=1 CI_MERGE_REQUEST_IID=2 " +
				"COMMENT_TOKEN=t0k3n CI_MERGE_REQUEST_DIFF_BASE_SHA=main\n" + script)
		}
		var comment url.Values
		for range 2 { // on the same runner
			Expect(runJob().status).To(BeZero())
			Expect(comments).To(Receive(&comment))
		}
		Expect(comment.Get("body")).To(And(HavePrefix("### Effect on DeepCall\n"), ContainSubstring("**stops**")))
		Expect(comment.Get("path")).To(Equal("/projects/1/merge_requests/2/notes"))
		Expect(comment.Get("token")).To(Equal("t0k3n"))

		By("commenting on an invalid manifest")
		u.mustRun("cd repo && sed -i s/groups/gruops/ mappings/asha.yaml && git commit -qam typo")
		got := runJob()
		Expect(got.status).To(Equal(2))
		Expect(got.err).To(ContainSubstring(`unknown field "spec.gruops"`))
		Expect(comments).To(Receive(&comment))
		Expect(comment.Get("body")).To(And(HavePrefix("### Effect on DeepCall: unknown\n\n    mappings/asha.yaml: "), ContainSubstring(`unknown field "spec.gruops"`)))
	})
})
