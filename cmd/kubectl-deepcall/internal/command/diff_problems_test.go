package command

import (
	"strings"
	"testing"
)

func TestDiffPrintsProblemsOnOneLine(t *testing.T) {
	const escape, command = `"\e[31mRED\e]0;pwn\a"`, `"x\n::error::owned\n"`
	valid := manifestOf("asha 7 90=true")
	t.Chdir(writeManifests(t, map[string]string{
		"empty/README": "no manifest\n",
		"name.yaml":    strings.Replace(valid, "name: asha", "name: "+escape, 1),
		"kind.yaml":    strings.Replace(valid, "kind: AgentGroupMapping", "kind: "+command, 1),
		"key.yaml":     strings.Replace(valid, "spec:\n", "spec:\n  "+command+": 1\n", 1),
	}))
	for _, args := range []string{
		"--from empty -f name.yaml", "--from empty -f kind.yaml", "--from empty -f key.yaml",
		"--from name.yaml -f empty", "--from kind.yaml -f empty", "--from key.yaml -f empty",
	} {
		got := execute(t, "", strings.Fields("diff "+args)...)
		if strings.ContainsAny(got.err, "\x1b\a") || strings.Contains(got.err, "\n::error") || !strings.Contains(got.err, ".yaml: ") {
			t.Errorf("%s: got %q", args, got.err)
		}
	}
}

func TestDiffRejectsItsKindsOfOtherGroups(t *testing.T) {
	valid, other := manifestOf("asha 7 90=true"), manifestOf("ben 8 90=true")
	const mistyped = "unknown kind AgentGroupMapping of telephony.deepcal.com/v1alpha1; the kinds are AgentGroupMapping and DeepCallAccount of telephony.deepcall.com/v1alpha1\n"
	for change, want := range map[string]string{
		"telephony.deepcal.com/v1alpha1": "AgentGroupMapping default/ben: " + mistyped,
		"":                               "the kinds are AgentGroupMapping and DeepCallAccount of telephony.deepcall.com/v1alpha1\n",
	} {
		input := valid + "---\n" + strings.Replace(other, "telephony.deepcall.com/v1alpha1", change, 1)
		got := execute(t, input, "diff", "--from", t.TempDir(), "-f", "-")
		if got.status != 2 || !strings.Contains(got.err, want) {
			t.Errorf("%q: got %+v", change, got)
		}
	}
}

func TestDiffWarnsAboutAMappingThatIsDeclaredTwice(t *testing.T) {
	t.Chdir(writeManifests(t, map[string]string{
		"a.yaml": "asha 7 90=true", "b.yaml": "asha 7 90=false", "sales.yaml": inNamespace("sales", manifestOf("asha 7 91=true")),
	}))
	const want = "warning: AgentGroupMapping default/asha is declared twice, in a.yaml and in b.yaml: only the last one counts here, but kubectl applies both\n"
	if got := execute(t, "", "diff", "--from", t.TempDir(), "-f", "a.yaml", "-f", "sales.yaml", "-f", "b.yaml"); !strings.HasSuffix(got.err, want) || !strings.Contains(got.out, "90=N") {
		t.Errorf("got %+v", got)
	}
	if got := execute(t, "", "diff", "--from", t.TempDir(), "-f", "a.yaml", "-f", "sales.yaml"); strings.Contains(got.err, "twice") {
		t.Errorf("got %+v", got)
	}
}
