package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manifestOf returns the manifest of a mapping of account acme, from text such as "asha 7 90=true".
func manifestOf(text string) string {
	words := strings.Fields(text)
	manifest := fmt.Sprintf("apiVersion: telephony.deepcall.com/v1alpha1\nkind: AgentGroupMapping\nmetadata: {name: %s, labels: {team: %s}}\n"+
		"spec:\n  accountRef: {name: acme}\n  agentID: %q\n  groups:\n", words[0], words[0], words[1])
	for _, word := range words[2:] {
		id, receives, _ := strings.Cut(word, "=")
		manifest += fmt.Sprintf("    - {groupID: %q, receiveCall: %s}\n", id, receives)
	}
	return manifest
}

// inNamespace adds a namespace to a manifest.
func inNamespace(namespace, manifest string) string {
	return strings.Replace(manifest, "metadata: {", "metadata: {namespace: "+namespace+", ", 1)
}

// writeManifests writes files to a new directory, and returns its path. A value that is not YAML is the text of a mapping.
func writeManifests(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if !strings.ContainsAny(content, ":\n") {
			content = manifestOf(content)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	assumption = "note: Compared without a cluster: DeepCall is assumed to have what the manifests of --from declare, except for suspended mappings.\n" +
		"note: The manifests lack account default/acme. It is assumed to exist, and to permit the namespaces of its mappings.\n"
	nothing = "Nothing changes in DeepCall.\n"
)

// The three pull requests that a team makes sooner or later.
func TestDiffOfPullRequests(t *testing.T) {
	main := writeManifests(t, map[string]string{"asha.yaml": "asha 7 90=true 91=false", "ben.yaml": "ben 8 90=true 92=true"})
	for name, c := range map[string]struct {
		change map[string]string
		want   result
	}{
		"changes nothing": {
			map[string]string{"both.yaml": manifestOf("ben 8 90=true 92=true") + "---\n" + manifestOf("asha 7 90=true 91=false")},
			result{0, assumption + nothing, ""},
		},
		"drops an agent": {
			map[string]string{"asha.yaml": "asha 7 90=true 91=false"},
			result{1, `AGENT   GROUP   CALLS   BEFORE   AFTER   MAPPING
8       90      stops   yes      no      default/ben
8       92      stops   yes      no      default/ben

REQUEST FOR AGENT   MAPPING       GROUPS
8                   default/ben   90=N 92=N

warning: agent 8 receives no calls any more
warning: mapping default/ben is deleted: agent 8 receives no more calls of groups 90, 92. To keep the calls, set removalPolicy: Orphan and apply it before the mapping is deleted, or declare the groups in another mapping of the agent first
warning: no agent receives the calls of group 92 any more
` + assumption + "1 request to DeepCall. Groups of 1 agent: 2 stops.\n", ""},
		},
		"renames a mapping": {
			map[string]string{"asha.yaml": "agent-7 7 90=true 91=false", "ben.yaml": "ben 8 90=true 92=true"},
			result{1, `AGENT   GROUP   CALLS         BEFORE   AFTER   MAPPING
7       90      handed over   yes      yes     default/asha -> default/agent-7
7       91      handed over   no       no      default/asha -> default/agent-7

REQUEST FOR AGENT   MAPPING           GROUPS
7                   default/agent-7   90=true 91=false

warning: mapping default/asha is replaced by default/agent-7, which takes over group 90 of agent 7 without a gap if it exists before the old mapping is deleted. Otherwise calls stop in between: create it first
` + assumption + "1 request to DeepCall. Groups of 1 agent: 2 handed over.\n", ""},
		},
		"misspells groups": {
			map[string]string{"asha.yaml": strings.Replace(manifestOf("asha 7 90=true 91=false"), "groups", "gruops", 1), "ben.yaml": "ben 8 90=true 92=true"},
			result{2, "", `DIR/asha.yaml: AgentGroupMapping default/asha: unknown field "spec.gruops", known are accountRef, agentID, groups, removalPolicy, resyncInterval, suspend
DIR/asha.yaml: AgentGroupMapping default/asha: spec.groups is required
error: the manifests have 2 problems; nothing was compared
`},
		},
		"changes the agent of a mapping": {
			map[string]string{"asha.yaml": "asha 9 90=true", "ben.yaml": "ben 8 90=true 92=true"},
			result{2, "", "error: mapping default/asha: spec.agentID is immutable, and changes from 7 to 9; delete the mapping and create it for the other agent\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeManifests(t, c.change)
			got := execute(t, "", "diff", "--from", main, "-f", dir)
			got.err = strings.ReplaceAll(got.err, dir, "DIR")
			c.want.out = strings.NewReplacer("90=true", "90=Y", "91=false", "91=N").Replace(c.want.out)
			if got != c.want {
				t.Errorf("got status %d\n%s%s\nwant status %d\n%s%s", got.status, got.out, got.err, c.want.status, c.want.out, c.want.err)
			}
		})
	}
}

func TestDiffReadsManifestsAsKubectlDoes(t *testing.T) {
	const service = "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: other}\n---\n"
	asha, ben := manifestOf("asha 7 90=true"), manifestOf("ben 8 91=true")
	all := "REQUEST FOR AGENT   MAPPING        GROUPS\n7                   default/asha   90=Y\n8                   default/ben    91=Y\n"
	one := "REQUEST FOR AGENT   MAPPING        GROUPS\n7                   default/asha   90=Y\n\n"
	dir := writeManifests(t, map[string]string{
		"empty/README":                       "no manifest\n",
		"chart.yaml":                         "# Source: roster/templates/mappings.yaml\n" + asha + service + ben,
		"list.yaml":                          "apiVersion: v1\nkind: List\nitems:\n" + indent(asha) + indent(ben),
		"typed.yaml":                         "apiVersion: telephony.deepcall.com/v1alpha1\nkind: AgentGroupMappingList\nitems:\n" + indent(asha) + indent(ben),
		"mapping.json":                       `{"apiVersion":"telephony.deepcall.com/v1alpha1","kind":"AgentGroupMapping","metadata":{"name":"asha"},"spec":{"accountRef":{"name":"acme"},"agentID":"7","groups":[{"groupID":"90","receiveCall":true}]}}`,
		"deep/mappings/a.yaml":               asha,
		"deep/mappings/b.yml":                ben,
		"kustomize/asha.yaml":                asha,
		"kustomize/kustomization.yaml":       "namePrefix: night-\nresources: [asha.yaml]\n",
		"kustomize-other/service.yaml":       service,
		"kustomize-other/kustomization.yaml": "resources: [service.yaml]\n",
	})
	for args, want := range map[string]string{
		"-f chart.yaml":                    all,
		"-f list.yaml":                     all,
		"-f typed.yaml":                    all,
		"-f mapping.json":                  one,
		"-f deep -R":                       all,
		"-f deep":                          nothing,
		"-f empty":                         nothing,
		"-f deep/mappings":                 all,
		"-f deep/mappings/a.yaml":          one,
		"-f list.yaml -l team=asha":        one,
		"-f mapping.json -f deep/mappings": all,
		"-k kustomize":                     "7                   default/night-asha   90=Y\n",
		"-f -":                             one,
		"-f chart.yaml -n default":         all,
	} {
		t.Run(args, func(t *testing.T) {
			t.Chdir(dir)
			from := "empty"
			if strings.HasPrefix(args, "-k") {
				from = "kustomize-other"
			}
			got := execute(t, asha, strings.Fields("diff --from "+from+" "+args)...)
			if !strings.Contains(got.out, want) || strings.Contains(got.err, "warning: the manifests contain") != (want == nothing) || (got.status == 1) != (want != nothing) {
				t.Errorf("got status %d\n%s%s", got.status, got.out, got.err)
			}
		})
	}
}

func TestDiffWarnsAboutSourcesWithoutMappings(t *testing.T) {
	t.Chdir(writeManifests(t, map[string]string{
		"deep/down/asha.yaml": "asha 7 90=true", "invalid.yaml": strings.Replace(manifestOf("asha 7 90=true"), "groups", "gruops", 1), "empty/README": "no manifest\n",
	}))
	const none = " contain no AgentGroupMapping and no DeepCallAccount"
	for args, want := range map[string]string{
		"--from deep/down -f deep":    "warning: the manifests" + none + ": -R reads subdirectories\n",
		"--from deep -f deep/down":    "warning: the manifests of --from" + none + ": -R reads subdirectories\n",
		"--from deep -f deep -R":      "",
		"--from empty -f deep -R":     "warning: the manifests of --from" + none + "\n",
		"--from invalid.yaml -f deep": "warning: the manifests" + none + ": -R reads subdirectories\n",
	} {
		got := execute(t, "", strings.Fields("diff "+args)...)
		warnings := strings.ReplaceAll(got.err, "warning: --from: not compared", "")
		if got.status == 2 || !strings.Contains(got.err, want) || strings.Count(warnings, "warning: ") != strings.Count(want, "warning: ") {
			t.Errorf("%s: got status %d and %q, want %q", args, got.status, got.err, want)
		}
	}
}

func TestDiffComparesLabelsOfNamespaces(t *testing.T) {
	const account = "apiVersion: telephony.deepcall.com/v1alpha1\nkind: DeepCallAccount\nmetadata: {name: acme, namespace: shared}\n" +
		"spec: {endpoint: \"https://v4-api.deepcall.com\", credentialsSecretRef: {name: acme}, allowedNamespaces: {from: Selector, selector: {matchLabels: {%s}}}}\n---\n"
	const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: sales, labels: {%s}}\n---\n"
	mapping := strings.Replace(inNamespace("sales", manifestOf("asha 7 90=true")), "name: acme}", "name: acme, namespace: shared}", 1) + "---\n"
	byName, byLabel := fmt.Sprintf(account, "kubernetes.io/metadata.name: sales"), fmt.Sprintf(account, "calls: permitted")
	for name, c := range map[string]struct{ from, to, want string }{
		"permits a namespace by its name":     {byName, byName + mapping, " starts "},
		"permits a namespace by a new label":  {byLabel + mapping, byLabel + fmt.Sprintf(namespace, "calls: permitted") + mapping, " starts "},
		"denies a namespace without a label":  {byLabel, byLabel + mapping, " pending (AccountNotPermitted) "},
		"reports nothing about another label": {byName + mapping, byName + fmt.Sprintf(namespace, "team: night") + mapping, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(c.from, "kind: Namespace") {
				c.from += fmt.Sprintf(namespace, "")
			}
			if !strings.Contains(c.to, "kind: Namespace") {
				c.to += fmt.Sprintf(namespace, "")
			}
			dir := writeManifests(t, map[string]string{"from.yaml": c.from, "to.yaml": c.to})
			if got := execute(t, "", "diff", "--from", dir+"/from.yaml", "-f", dir+"/to.yaml"); !strings.Contains(got.out, c.want) || got.status == 2 {
				t.Errorf("got status %d\n%s%s", got.status, got.out, got.err)
			}
		})
	}
}

// indent returns a document as an item of a list.
func indent(document string) string {
	return "- " + strings.ReplaceAll(strings.TrimSuffix(document, "\n"), "\n", "\n  ") + "\n"
}

func TestDiffFailsWithStatus2(t *testing.T) {
	dir := writeManifests(t, map[string]string{"asha.yaml": "asha 7 90=true", "broken.json": `{"kind": `, "unknown/kind.yaml": "a: b\n"})
	t.Chdir(dir)
	if err := os.Symlink("unknown", "link"); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"":                                   "specify the manifests with -f FILENAME, or with -k DIRECTORY for Kustomize",
		"-f a -k b":                          "-f and -k are mutually exclusive",
		"-k b -R":                            "-k and -R are mutually exclusive",
		"-f a --from b --prune":              "--from and --prune are mutually exclusive",
		"-f a -o yaml":                       `invalid --output "yaml": must be one of table, markdown, json`,
		"-f a -l a===b":                      "--selector: ",
		"-f a --nope":                        "unknown flag: --nope; see kubectl deepcall diff --help",
		"a":                                  "specify the manifests with -f FILENAME, or with -k DIRECTORY for Kustomize",
		"-f nowhere --from asha.yaml":        `the path "nowhere" does not exist`,
		"-f asha.yaml --from nowhere":        `--from: the path "nowhere" does not exist`,
		"-f broken.json --from asha.yaml":    "broken.json",
		"-f unknown --from asha.yaml":        "Object 'Kind' is missing",
		"-f link --from asha.yaml":           "is a directory",
		"-f asha.yaml -s http://127.0.0.1:1": "connection refused; check the network, --context and --kubeconfig",
		"-f asha.yaml -s " + (&fakeCluster{withoutCRDs: true}).start(t): "the cluster has no AgentGroupMapping resource: install the operator",
	} {
		t.Run(args, func(t *testing.T) { execute(t, "", strings.Fields("diff "+args)...).expectError(t, 2, want) })
	}
}

func TestDiffIgnoresInvalidManifestsOfFrom(t *testing.T) {
	from := writeManifests(t, map[string]string{"asha.yaml": strings.Replace(manifestOf("asha 7 90=true"), "groups", "gruops", 1)})
	to := writeManifests(t, map[string]string{"asha.yaml": "asha 7 90=true"})
	got := execute(t, "", "diff", "--from", from, "-f", to, "-o", "json")
	if got.status != 1 || !strings.HasPrefix(got.err, "warning: --from: not compared, since it is invalid: ") || !strings.Contains(got.out, `"calls": "starts"`) {
		t.Errorf("got %+v", got)
	}
}

func TestDiffRejectsAnotherNamespaceThanThatOfTheFlag(t *testing.T) {
	to := writeManifests(t, map[string]string{"asha.yaml": inNamespace("sales", manifestOf("asha 7 90=true"))})
	got := execute(t, "", "diff", "--from", t.TempDir(), "-f", to, "-n", "support")
	if got.status != 2 || !strings.Contains(got.err, `its namespace is not "support", which -n selects`) {
		t.Errorf("got %+v", got)
	}
	if got := execute(t, "", "diff", "--from", t.TempDir(), "-f", to); got.status != 1 || !strings.Contains(got.out, "sales/asha") {
		t.Errorf("got %+v", got)
	}
}
