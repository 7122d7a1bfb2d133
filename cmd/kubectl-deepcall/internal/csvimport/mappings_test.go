package csvimport

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestNameForIsStable(t *testing.T) {
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
		if got := nameFor(id); got != want {
			t.Errorf("nameFor(%q) = %q, want %q", id, got, want)
		}
	}
}

var ids = rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`)

func TestNameForIsValidAndUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few characters, so that similar IDs are frequent.
		similar := rapid.StringMatching(`[aA.-]{1,5}`)
		a, b := rapid.OneOf(ids, similar).Draw(t, "a"), rapid.OneOf(ids, similar).Draw(t, "b")
		for _, id := range []string{a, b} {
			if errs := validation.IsDNS1123Subdomain("agent-" + nameFor(id)); len(errs) > 0 {
				t.Fatalf("%q: %q: %v", id, nameFor(id), errs)
			}
			if errs := validation.IsDNS1123Subdomain(nameFor(id)); len(errs) > 0 {
				t.Fatalf("%q without a prefix: %q: %v", id, nameFor(id), errs)
			}
		}
		if a != b && nameFor(a) == nameFor(b) {
			t.Fatalf("%q and %q share the name %q", a, b, nameFor(a))
		}
	})
}

func TestMappingsKeepIDsAsStringsInYAML(t *testing.T) {
	special := rapid.SampledFrom([]string{"Y", "no", "on", "null", "1e5", "0x1F", "1_000", "7.0", "-", ".", "007", "2026-01-01", "nan", ".inf", "---", "..."})
	rapid.Check(t, func(t *rapid.T) {
		id, group := rapid.OneOf(ids, special).Draw(t, "agent"), rapid.OneOf(ids, special).Draw(t, "group")
		mappings, problems := convert([]byte("agent,group,receives\n"+id+","+group+",no\n"), acme)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		text, err := yaml.Marshal(mappings[0])
		if err != nil {
			t.Fatal(err)
		}
		var decoded v1alpha1.AgentGroupMapping
		if err := yaml.UnmarshalStrict(text, &decoded); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if decoded.Spec.AgentID != id || decoded.Spec.Groups[0].GroupID != group {
			t.Fatalf("got %+v from\n%s", decoded.Spec, text)
		}
	})
}

func TestMappingsSetOnlyTheGivenOptions(t *testing.T) {
	const file = "agent,group,receives\n7,91,no\n7,90,yes\n"
	for _, c := range []struct {
		name    string
		options Options
		want    string
	}{
		{"required options", acme, `
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
		{"all options", Options{
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
			got, err := yaml.Marshal(mustRead(t, file, c.options).Mappings(nil)[0])
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
	f.Add([]byte("\xff\xfea\x00g\x00e\x00n\x00t\x00"))
	f.Add([]byte("sep=\t\rmapping\tagent\tgroup\treceives\tin_sync\ra\t1E5\t1.2.2026\tWAHR\r"))
	f.Fuzz(func(t *testing.T, file []byte) {
		mappings, problems := convert(file, acme)
		if (len(mappings) == 0) == (len(problems) == 0) {
			t.Fatalf("got %d mappings and %d problems", len(mappings), len(problems))
		}
		names := map[string]bool{}
		for _, m := range mappings {
			if names[m.Name] || !idPattern.MatchString(m.Spec.AgentID) || len(m.Spec.Groups) > maxGroups {
				t.Fatalf("%+v", m.Spec)
			}
			names[m.Name] = true
		}
	})
}
