package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// result is the exit status and the output of a command.
type result struct {
	status   int
	out, err string
}

// execute runs the plugin without a kubeconfig, so that only flags select the cluster.
func execute(t *testing.T, input string, args ...string) result {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBECACHEDIR", t.TempDir())
	var out, err strings.Builder
	status := Run(args, Build{Version: "v1.2.3", Revision: "abc"}, strings.NewReader(input), &out, &err)
	return result{status, out.String(), err.String()}
}

// expectError expects that the command fails with this status and an error that contains text, and prints nothing to standard output.
func (r result) expectError(t *testing.T, status int, text string) {
	t.Helper()
	if r.status != status || r.out != "" || !strings.HasPrefix(r.err, "error: ") || !strings.Contains(r.err, text) {
		t.Errorf("got status %d, output %q and error %q; want status %d and an error that contains %q", r.status, r.out, r.err, status, text)
	}
}

func TestInvalidUsageFailsBeforeAnyRequest(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"rooster", "Did you mean this?\n\troster"},
		{"roster asha", `unknown command "asha"`},
		{"roster --nope", "unknown flag: --nope; see kubectl deepcall roster --help"},
		{"roster --by team", `invalid --by "team": must be one of group, agent`},
		{"roster --exit-status=false --by team", `invalid --by "team"`},
		{"roster -o xml", `invalid --output "xml": must be one of table, wide, csv, html, json, yaml`},
		{"roster -w -o json", "--watch requires -o table or wide"},
		{"roster --summary -o html", "--summary requires -o table, csv, or a format of kubectl other than name"},
		{"roster --summary --by agent", "--summary requires --by=group"},
		{"roster --summary --watch", "--summary excludes --watch and --exit-status"},
		{"roster -l a===b", "--selector: "},
		{"import", "specify the CSV file with -f FILE, or -f - for standard input"},
		{"import -f -", "specify the agents' account with --account"},
		{"import -f - --account Acme", `invalid --account "Acme": must be NAME or NAMESPACE/NAME`},
		{"import -f - --account a/b/c", `invalid --account "a/b/c"`},
		{"import -f - --account /b", `invalid --account "/b"`},
		{"import -f - --account acme --removal-policy stop", `invalid --removal-policy "stop": must be one of StopCalls, Orphan`},
		{"import -f - --account acme --dry-run=server", "--dry-run, --force-conflicts and --yes require --apply"},
		{"import -f - --account acme --apply --dry-run=client", `invalid --dry-run "client": must be one of none, server`},
		{"import -f - --account acme --name-prefix Agent", `invalid --name-prefix "Agent"`},
		{"import -f nowhere.csv --account acme", "open nowhere.csv"},
		{"resync", "specify mappings by NAME, with -l SELECTOR, or with --all"},
		{"suspend", "specify mappings by NAME, with -l SELECTOR, or with --all"},
		{"resume -A", "specify mappings by NAME, with -l SELECTOR, or with --all"},
		{"suspend asha --all", "specify mappings in only one way"},
		{"suspend --all -l team=night", "specify mappings in only one way"},
		{"resume asha -A", "-A requires --all or -l SELECTOR"},
		{"resync asha --dry-run=maybe", `invalid --dry-run "maybe"`},
		{"resync asha --wait --dry-run", "--wait and --dry-run=server are mutually exclusive"},
		{"resync asha --wait -o yaml", "--wait and --output are mutually exclusive"},
		{"suspend asha -o wide", `invalid --output "wide": must be one of json, yaml`},
		{"suspend account/acme -s http://127.0.0.1:1", `"account/acme" is not an AgentGroupMapping`},
		{"resync secret/asha -s http://127.0.0.1:1", `"secret/asha" is not an AgentGroupMapping`},
		{"code 1505 1506", "accepts at most 1 arg"},
		{"code 1531", "similar codes are 1530 (InvalidAgentTiming)"},
	} {
		t.Run(c.args, func(t *testing.T) { execute(t, "", strings.Fields(c.args)...).expectError(t, 1, c.want) })
	}
}

func TestErrorsHaveExitStatusTwoIfOneIsAResult(t *testing.T) {
	for args, want := range map[string]string{
		"status":                         "specify a mapping; kubectl deepcall roster --agent ID lists an agent's mappings",
		"status asha -o wide":            `invalid --output "wide": must be one of json, yaml`,
		"status asha -w -o yaml":         "--watch and --output are mutually exclusive",
		"status account/acme":            `"account/acme" is not an AgentGroupMapping`,
		"status asha --nope":             "unknown flag: --nope; see kubectl deepcall status --help",
		"check -o name":                  `invalid --output "name": must be one of json, yaml`,
		"check -s http://127.0.0.1:1":    "connection refused; check the network, --context and --kubeconfig",
		"roster --exit-status --by team": `invalid --by "team"`,
		"roster --exit-status --watch":   "--watch requires -o table or wide, and excludes --exit-status",
	} {
		t.Run(args, func(t *testing.T) { execute(t, "", strings.Fields(args)...).expectError(t, 2, want) })
	}
}

func TestImportOfAnInvalidFilePrintsOnlyProblems(t *testing.T) {
	got := execute(t, "agent,group,receives\n7,90,yes\n7,90,no\n8,90,\n", "import", "-f", "-", "--account", "acme")
	want := "line 3: agent 7 and group 90 are already on line 2: remove one of the two\n" +
		"line 4: receives is empty: use yes or no\n" +
		"error: the file has 2 problems; nothing was imported\n"
	if got != (result{1, "", want}) {
		t.Errorf("got %+v", got)
	}
}

func TestImportPrintsYAML(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.csv")
	if err := os.WriteFile(path, []byte("agent,group,receives\n8,90,no\n7,90,yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := execute(t, "", "import", "-f", path, "--account", "shared/acme", "-n", "support", "--name-prefix", "night-")
	var documents []string
	for _, agent := range []string{"7", "8"} {
		documents = append(documents, "apiVersion: telephony.deepcall.com/v1alpha1\nkind: AgentGroupMapping\n"+
			"metadata:\n  name: night-"+agent+"\n  namespace: support\n"+
			"spec:\n  accountRef:\n    name: acme\n    namespace: shared\n  agentID: \""+agent+"\"\n"+
			"  groups:\n  - groupID: \"90\"\n    receiveCall: "+map[string]string{"7": "true", "8": "false"}[agent]+"\n")
	}
	want := strings.Join(documents, "---\n")
	if got != (result{0, want, ""}) {
		t.Errorf("got %+v\nwant %s", got, want)
	}
}

func TestImportRequiresAnAccountUnlessTheFileNamesIt(t *testing.T) {
	const file = "mapping,account,agent,group,receives\nasha,support/acme,7,90,yes\n"
	if got := execute(t, file, "import", "-f", "-", "-n", "support"); got.status != 0 || !strings.Contains(got.out, "  name: asha\n") || got.err != "" {
		t.Errorf("got %+v", got)
	}
	got := execute(t, file, "import", "-f", "-", "-n", "support", "--account", "other")
	if got.status != 1 || !strings.HasPrefix(got.err, "line 2: account is support/acme, but --account is support/other") {
		t.Errorf("got %+v", got)
	}
}

func TestCodeNeedsNoCluster(t *testing.T) {
	got := execute(t, "", "code", "1014")
	want := `Code:        1014
Reason:      InvalidToken
Message:     DeepCall error 1014: Invalid token (invalid or expired)
Class:       Denied
Meaning:     DeepCall does not accept the token, or it has expired.
Operator:    It sends no request with the account until the Secret or the account changes, except for single probes, 5 minutes to 1 hour apart. If only one agent is denied, it retries that agent's mappings alone, 5 minutes to 1 hour apart. After the cause was fixed in DeepCall, retry at once and resync all mappings of the account: kubectl deepcall resync account/NAME
What to do:  The account's owner puts a new token into the Secret that spec.credentialsSecretRef names.
`
	if got != (result{0, want, ""}) {
		t.Errorf("got %+v", got)
	}
	if all := execute(t, "", "code"); all.status != 0 || !strings.HasPrefix(all.out, "CODE   REASON ") || !strings.Contains(all.out, "\n-      Conflict ") {
		t.Errorf("got %+v", all)
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		if got := execute(t, "", arg); got.status != 0 || !strings.HasPrefix(got.out, "kubectl-deepcall v1.2.3 (revision abc, go") {
			t.Errorf("%s: got %+v", arg, got)
		}
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	names := []string{""}
	for _, command := range newRoot(Build{}, genericiooptions.NewTestIOStreamsDiscard()).Commands() {
		names = append(names, command.Name())
	}
	for _, name := range names {
		got := execute(t, "", strings.Fields(name+" --help")...)
		if got.status != 0 || got.err != "" || !strings.Contains(got.out, "Examples:\n") || !strings.Contains(got.out, "  kubectl deepcall "+name) ||
			!strings.Contains(got.out, "--context string") {
			t.Errorf("%q: got %+v", name, got)
		}
	}
}

// formats are kubectl's output formats.
func formats(name string) string {
	return "json\nyaml\nkyaml\n" + name + "go-template\ngo-template-file\ntemplate\ntemplatefile\njsonpath\njsonpath-as-json\njsonpath-file\n"
}

func TestShellCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"roster --by ":             "group\nagent\n",
		"roster -o ":               "table\nwide\ncsv\nhtml\n" + formats("name\n"),
		"status asha -o ":          formats("name\n"),
		"check -o ":                formats(""),
		"import --removal-policy ": "StopCalls\nOrphan\n",
		"resync --dry-run=":        "none\nserver\n",
		"code 150":                 "1501\n1502\n1503\n1504\n1505\n1506\n1507\n1508\n1509\n",
		"code synce":               "Synced\n",
	} {
		got := execute(t, "", append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if got.out != want+":4\n" {
			t.Errorf("%q: got %q, want %q", line, got.out, want)
		}
	}
	if got := execute(t, "", "completion", "bash"); got.status != 0 || !strings.Contains(got.out, "kubectl-deepcall") {
		t.Errorf("got status %d and %q", got.status, got.err)
	}
}

func TestErrorsOfTheClusterHaveHints(t *testing.T) {
	for server, want := range map[string]string{
		(&fakeCluster{withoutCRDs: true}).start(t):  "the cluster has no AgentGroupMapping resource: install the operator",
		(&fakeCluster{unauthorized: true}).start(t): "log in to the cluster again",
		"http://127.0.0.1:1":                        "connection refused; check the network, --context and --kubeconfig",
	} {
		for _, command := range []string{"roster", "resync asha", "suspend --all"} {
			execute(t, "", strings.Fields(command+" -s "+server)...).expectError(t, 1, want)
		}
	}
}
