package command

import (
	"fmt"
	"strings"
	"testing"
)

// accountAndMapping returns the manifests of an account, and of its mapping of agent 50 with the same name.
func accountAndMapping(name string) string {
	return fmt.Sprintf("apiVersion: telephony.deepcall.com/v1alpha1\nkind: DeepCallAccount\nmetadata: {name: %s}\n"+
		"spec: {endpoint: \"https://v4-api.deepcall.com\", credentialsSecretRef: {name: acme}}\n---\n", name) +
		strings.Replace(manifestOf(name+" 50 90=true 91=true"), "accountRef: {name: acme}", "accountRef: {name: "+name+"}", 1)
}

func TestDiffDeletesAnAccountTogetherWithItsMappings(t *testing.T) {
	t.Chdir(writeManifests(t, map[string]string{"from.yaml": accountAndMapping("gone"), "empty/README": "no manifest\n"}))
	got := execute(t, "", "diff", "--from", "from.yaml", "-f", "empty")
	for _, want := range []string{
		"50      90      stops   yes      no ", "50                  default/gone   90=N 91=N\n",
		"warning: no agent receives the calls of group 90 any more\n", "1 request to DeepCall. Groups of 1 agent: 2 stops.\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("the output lacks %q:\n%s%s", want, got.out, got.err)
		}
	}
}

func TestDiffWarnsAboutAnAccountThatIsRenamed(t *testing.T) {
	t.Chdir(writeManifests(t, map[string]string{"from.yaml": accountAndMapping("gone"), "to.yaml": accountAndMapping("new")}))
	got := execute(t, "", "diff", "--from", "from.yaml", "-f", "to.yaml")
	const want = "warning: accounts default/gone and default/new share an endpoint, and both have mappings of agent 50: "
	if got.status != 1 || !strings.Contains(got.out, want) || !strings.Contains(got.out, "50                  default/gone   90=N 91=N\n") {
		t.Errorf("got status %d\n%s%s", got.status, got.out, got.err)
	}
}
