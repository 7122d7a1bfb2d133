package command

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// result is what a person sees of a command.
type result struct {
	status   int
	out, err string
}

// execute runs the plugin with a kubeconfig of no cluster, so that flags alone say where it asks.
func execute(t *testing.T, input string, args ...string) result {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var out, err strings.Builder
	status := Run(args, Build{Version: "v1.2.3", Revision: "abc"}, strings.NewReader(input), &out, &err)
	return result{status, out.String(), err.String()}
}

// refused expects that the command fails with the words, and prints nothing else.
func (r result) refused(t *testing.T, words string) {
	t.Helper()
	if r.status != 1 || r.out != "" || !strings.HasPrefix(r.err, "error: ") || !strings.Contains(r.err, words) {
		t.Errorf("got status %d, %q and %q; want a refusal that says %q", r.status, r.out, r.err, words)
	}
}

func TestWhatIsAskedForWronglyIsRefusedBeforeAnyClusterIsAsked(t *testing.T) {
	for _, c := range []struct{ args, words string }{
		{"rooster", "Did you mean this?\n\troster"},
		{"roster asha", `unknown command "asha"`},
		{"roster --nope", "unknown flag: --nope; see kubectl deepcall roster --help"},
		{"roster --by team", `--by can't be "team": choose one of group, agent`},
		{"roster -o yaml", `--output can't be "yaml": choose one of table, wide, csv, json`},
		{"roster -l a===b", "--selector: "},
		{"import", "name the table with -f FILE, or -f - for standard input"},
		{"import -f -", "name the agents' account with --account"},
		{"import -f - --account Acme", `--account can't be "Acme": give NAME, or NAMESPACE/NAME`},
		{"import -f - --account a/b/c", `--account can't be "a/b/c"`},
		{"import -f - --account /b", `--account can't be "/b"`},
		{"import -f - --account acme --removal-policy stop", `--removal-policy can't be "stop": choose one of StopCalls, Orphan`},
		{"import -f - --account acme --dry-run=server", "--dry-run and --force-conflicts go with --apply"},
		{"import -f - --account acme --apply --dry-run=client", `--dry-run can't be "client": choose one of none, server`},
		{"import -f - --account acme --name-prefix Agent", `--name-prefix can't be "Agent"`},
		{"import -f nowhere.csv --account acme", "read the table: open nowhere.csv"},
		{"resync", "say which mappings: by NAME, with -l SELECTOR, or with --all"},
		{"suspend", "say which mappings: by NAME, with -l SELECTOR, or with --all"},
		{"resume -A", "say which mappings: by NAME, with -l SELECTOR, or with --all"},
		{"suspend asha --all", "say which mappings in one way"},
		{"suspend --all -l team=night", "say which mappings in one way"},
		{"resume asha -A", "-A goes with --all or -l SELECTOR"},
		{"resync asha --dry-run=maybe", `--dry-run can't be "maybe"`},
		{"resync asha --wait --dry-run", "--wait and --dry-run=server exclude each other"},
		{"resync secret/asha -s http://127.0.0.1:1", `"secret/asha" is no AgentGroupMapping`},
		{"code 1505 1506", "accepts at most 1 arg"},
		{"code 1531", "near ones are 1530 (InvalidAgentTiming)"},
	} {
		t.Run(c.args, func(t *testing.T) { execute(t, "", strings.Fields(c.args)...).refused(t, c.words) })
	}
}

func TestATableWithAMistakeWritesNothing(t *testing.T) {
	got := execute(t, "agent,group,receives\n7,90,yes\n7,90,no\n8,90,\n", "import", "-f", "-", "--account", "acme")
	want := "line 3: agent 7 has group 90 on line 2 already: keep one of the two\n" +
		"line 4: receives is empty: say yes or no\n" +
		"error: 2 problems in the table, so nothing was written; put that right and import again\n"
	if got != (result{1, "", want}) {
		t.Errorf("got %+v", got)
	}
}

func TestATableBecomesYAML(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roster.csv")
	if err := os.WriteFile(path, []byte("agent,group,receives\n8,90,no\n7,90,yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := execute(t, "", "import", "-f", path, "--account", "shared/acme", "-n", "support", "--name-prefix", "night-")
	var want string
	for _, agent := range []string{"7", "8"} {
		want += "---\napiVersion: telephony.deepcall.com/v1alpha1\nkind: AgentGroupMapping\n" +
			"metadata:\n  name: night-" + agent + "\n  namespace: support\n" +
			"spec:\n  accountRef:\n    name: acme\n    namespace: shared\n  agentID: \"" + agent + "\"\n" +
			"  groups:\n  - groupID: \"90\"\n    receiveCall: " + map[string]string{"7": "true", "8": "false"}[agent] + "\n"
	}
	if got != (result{0, want, ""}) {
		t.Errorf("got %+v\nwant %s", got, want)
	}
}

func TestACodeIsExplainedWithoutACluster(t *testing.T) {
	got := execute(t, "", "code", "1014")
	want := `Code:        1014
Reason:      InvalidToken
Message:     DeepCall error 1014: Invalid token (invalid or expired)
Class:       Denied
Meaning:     DeepCall does not accept the token, or it has expired.
Operator:    It all but stops calling with this account, until its Secret or the account changes; it probes with a single call after 5 minutes, and then ever more seldom, up to every hour. Once the cause is mended in DeepCall, this has it try at once: kubectl annotate --overwrite dca NAME telephony.deepcall.com/reconcile-requested-at=now
What to do:  The account's owner puts a new token into the Secret that spec.credentialsSecretRef names.
`
	if got != (result{0, want, ""}) {
		t.Errorf("got %+v", got)
	}
	if all := execute(t, "", "code"); all.status != 0 || !strings.HasPrefix(all.out, "CODE   REASON ") || !strings.Contains(all.out, "\n-      Conflict ") {
		t.Errorf("got %+v", all)
	}
}

func TestTheVersionIsTold(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		if got := execute(t, "", arg); got.status != 0 || !strings.HasPrefix(got.out, "kubectl-deepcall v1.2.3 (revision abc, go") {
			t.Errorf("%s: got %+v", arg, got)
		}
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	for _, name := range []string{"", "roster", "import", "resync", "suspend", "resume", "code", "version"} {
		got := execute(t, "", strings.Fields(name+" --help")...)
		if got.status != 0 || got.err != "" || !strings.Contains(got.out, "Examples:\n") || !strings.Contains(got.out, "  kubectl deepcall "+name) ||
			!strings.Contains(got.out, "--context string") {
			t.Errorf("%q: got %+v", name, got)
		}
	}
}

func TestShellsAreHelped(t *testing.T) {
	for words, want := range map[string]string{
		"roster --by ":             "group\nagent\n",
		"roster -o ":               "table\nwide\ncsv\njson\n",
		"import --removal-policy ": "StopCalls\nOrphan\n",
		"resync --dry-run=":        "none\nserver\n",
		"code 150":                 "1501\n1502\n1503\n1504\n1505\n1506\n1507\n1508\n1509\n",
		"code synce":               "Synced\n",
	} {
		got := execute(t, "", append([]string{"__complete"}, strings.Split(words, " ")...)...)
		if got.out != want+":4\n" {
			t.Errorf("%q: got %q, want %q", words, got.out, want)
		}
	}
	if got := execute(t, "", "completion", "bash"); got.status != 0 || !strings.Contains(got.out, "kubectl-deepcall") {
		t.Errorf("got status %d and %q", got.status, got.err)
	}
}

// server is an API server without our CRDs.
func server(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		switch {
		case status != http.StatusOK:
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401,"message":"Unauthorized"}`))
		case r.URL.Path == "/api":
			_, _ = w.Write([]byte(`{"kind":"APIVersions","versions":["v1"]}`))
		case r.URL.Path == "/apis":
			_, _ = w.Write([]byte(`{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`))
		default:
			_, _ = w.Write([]byte(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[]}`))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAClusterThatCanNotAnswerIsExplained(t *testing.T) {
	for _, command := range []string{"roster", "resync asha", "suspend --all"} {
		args := strings.Fields(command)
		execute(t, "", append(args, "-s", server(t, http.StatusOK))...).refused(t, "the cluster does not know AgentGroupMappings: install the operator there")
		execute(t, "", append(args, "-s", server(t, http.StatusUnauthorized))...).refused(t, "log in to the cluster again")
		execute(t, "", append(args, "-s", "http://127.0.0.1:1")...).refused(t, "the cluster can't be reached: check the network, --context and --kubeconfig")
	}
}
