package sheet

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestNamesAreReadableAndKeepTo(t *testing.T) {
	for id, want := range map[string]string{
		"7":      "7",
		"007":    "007",
		"asha-k": "asha-k",
		"Asha":   "asha.504222d042",
		"ASHA":   "asha.246cf1eea9",
		"asha_k": "asha-k.c77bae2ea4",
		"a.b":    "a-b.2e7336dc8e",
		"-7":     "7.a770d3270c",
		"_":      "id.d2e2adf717",
		"...":    "id.ab5df625bc",
	} {
		if got := nameOf(id); got != want {
			t.Errorf("the name of %q is %q, want %q: names must stay as they were", id, got, want)
		}
	}
}

var ids = rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`)

func TestEveryIDHasANameOfItsOwnThatTheAPIServerTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few letters, so that IDs come near each other.
		near := rapid.StringMatching(`[aA.-]{1,5}`)
		a, b := rapid.OneOf(ids, near).Draw(t, "a"), rapid.OneOf(ids, near).Draw(t, "b")
		for _, id := range []string{a, b} {
			if wrong := validation.IsDNS1123Subdomain("agent-" + nameOf(id)); len(wrong) > 0 {
				t.Fatalf("%q: %q: %v", id, nameOf(id), wrong)
			}
			if wrong := validation.IsDNS1123Subdomain(nameOf(id)); len(wrong) > 0 {
				t.Fatalf("%q without a prefix: %q: %v", id, nameOf(id), wrong)
			}
		}
		if a != b && nameOf(a) == nameOf(b) {
			t.Fatalf("%q and %q share the name %q", a, b, nameOf(a))
		}
	})
}

func TestIDsStayStringsInYAML(t *testing.T) {
	special := rapid.SampledFrom([]string{"Y", "no", "on", "null", "1e5", "0x1F", "1_000", "7.0", "-", ".", "007", "2026-01-01", "nan", ".inf", "---", "..."})
	rapid.Check(t, func(t *rapid.T) {
		id, group := rapid.OneOf(ids, special).Draw(t, "agent"), rapid.OneOf(ids, special).Draw(t, "group")
		mappings, problems := Mappings([]byte("agent,group,receives\n"+id+","+group+",no\n"), acme)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		text, err := yaml.Marshal(mappings[0])
		if err != nil {
			t.Fatal(err)
		}
		var back v1alpha1.AgentGroupMapping
		if err := yaml.UnmarshalStrict(text, &back); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if back.Spec.AgentID != id || back.Spec.Groups[0].GroupID != group {
			t.Fatalf("got %+v of\n%s", back.Spec, text)
		}
	})
}

func TestTheYAMLSaysWhatIsAskedForAndNoMore(t *testing.T) {
	table := []byte("agent,group,receives\n7,91,no\n7,90,yes\n")
	for _, c := range []struct {
		name    string
		options Options
		want    string
	}{
		{"the least", acme, `
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata:
  name: agent-7
spec:
  accountRef:
    name: acme
  agentID: "7"
  groups:
  - groupID: "90"
    receiveCall: true
  - groupID: "91"
    receiveCall: false
`},
		{"the most", Options{
			Namespace: "support", Account: v1alpha1.AccountReference{Namespace: "apart", Name: "acme"},
			RemovalPolicy: v1alpha1.RemovalPolicyOrphan, NamePrefix: "night.",
		}, `
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata:
  name: night.7
  namespace: support
spec:
  accountRef:
    name: acme
    namespace: apart
  agentID: "7"
  groups:
  - groupID: "90"
    receiveCall: true
  - groupID: "91"
    receiveCall: false
  removalPolicy: Orphan
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			mappings, problems := Mappings(table, c.options)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got, err := yaml.Marshal(mappings[0])
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimPrefix(c.want, "\n"); string(got) != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func FuzzMappings(f *testing.F) {
	f.Add([]byte("agent,group,receives\n7,90,yes\n"))
	f.Add([]byte("\ufeffreceives;agent;group\r\n\"y\";7;\"9\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		mappings, problems := Mappings(table, acme)
		if (len(mappings) == 0) == (len(problems) == 0) {
			t.Fatalf("%d mappings and %d problems", len(mappings), len(problems))
		}
		names := map[string]bool{}
		for _, m := range mappings {
			if names[m.Name] || !idPattern.MatchString(m.Spec.AgentID) || len(m.Spec.Groups) == 0 || len(m.Spec.Groups) > maxGroups {
				t.Fatalf("%+v", m.Spec)
			}
			names[m.Name] = true
		}
	})
}
