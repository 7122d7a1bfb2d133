package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ashaDocument returns a YAML document of a mapping. The arguments are YAML, so they can be quoted or not.
func ashaDocument(agentID, groupID, receiveCall string) string {
	return mapping.document("asha", fmt.Sprintf(
		"  accountRef: {name: acme}\n  agentID: %s\n  groups:\n  - {groupID: %s, receiveCall: %s}\n", agentID, groupID, receiveCall))
}

const acme = "  endpoint: https://v4-api.deepcall.com\n  credentialsSecretRef: {name: acme-deepcall}\n"

func TestKubectlParsesUnquotedYAndNAsBooleans(t *testing.T) {
	for value, want := range map[string]string{"true": "true", "false": "false", "Y": "true", "N": "false", "yes": "true", "no": "false"} {
		t.Run(value, func(t *testing.T) {
			got, err := kubectl(ashaDocument(`"7"`, `"90"`, value), "apply", "--dry-run=server", "-f-", "-o=jsonpath={.spec.groups[0].receiveCall}")
			if err != nil || got != want {
				t.Errorf("got %s %v, want %s", got, err, want)
			}
		})
	}
}

func TestKubectlApplyReportsInvalidFields(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{`"Y" for receiveCall`, ashaDocument(`"7"`, `"90"`, `"Y"`), "spec.groups[0].receiveCall in body must be of type boolean"},
		{"an unquoted group", ashaDocument(`"7"`, `90`, "true"), "spec.groups[0].groupID in body must be of type string"},
		{"an unquoted agent", ashaDocument(`7`, `"90"`, "true"), "spec.agentID in body must be of type string"},
		{"an agent named Y, unquoted", ashaDocument(`Y`, `"90"`, "true"), "spec.agentID in body must be of type string"},
		{"a mapping without groups", mapping.document("asha", "  accountRef: {name: acme}\n  agentID: \"7\"\n"), "spec.groups: Required value"},
		{"groups without a value", mapping.document("asha", "  accountRef: {name: acme}\n  agentID: \"7\"\n  groups:\n"), "spec.groups: Required value"},
		{"a misspelt field of a mapping", ashaDocument(`"7"`, `"90"`, "true") + "  removalPolcy: Orphan\n", `unknown field "spec.removalPolcy"`},
		{"a misspelt field of a group", ashaDocument(`"7"`, `"90"`, "true, recieveCall: true"), `unknown field "spec.groups[0].recieveCall"`},
		{"a misspelt field of an account", account.document("acme", acme+"  limits: {burts: 5}\n"), `unknown field "spec.limits.burts"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := kubectl(test.document, "apply", "-f-")
			if err == nil || !strings.Contains(got, test.want) {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestServerSideApplyMergesGroupsOfTwoManagers(t *testing.T) {
	apply := func(manager, document string) {
		t.Helper()
		mustKubectl(t, document, "apply", "--server-side", "--validate=strict", "--field-manager="+manager, "-f-")
	}
	expectGroups := func(want string) {
		t.Helper()
		if got := mustKubectl(t, "", "get", "agm", "asha", "-o=jsonpath={.spec.groups[*].groupID}"); got != want {
			t.Errorf("got the groups %s, want %s", got, want)
		}
	}
	deleteAtEnd(t, "agm/asha", "dca/acme")
	apply("gitops", account.document("acme", acme))
	apply("gitops", ashaDocument(`"7"`, `"90"`, "true"))
	apply("desk", ashaDocument(`"7"`, `"91"`, "false"))
	expectGroups("90 91")
	// A manager can leave out the field as long as another one declares groups.
	apply("desk", mapping.document("asha", "  accountRef: {name: acme}\n  agentID: \"7\"\n"))
	expectGroups("90")
}

func TestPrinterColumns(t *testing.T) {
	deleteAtEnd(t, "agm/asha", "dca/acme")
	mustKubectl(t, ashaDocument(`"7"`, `"90"`, "Y")+"---\n"+account.document("acme", acme), "apply", "-f-")
	const (
		agents   = "NAME AGENT RECEIVING READY REASON SYNCED AGE"
		accounts = "NAME ENDPOINT MAPPINGS READY REASON AGE"
	)
	for _, test := range []struct {
		args string
		want []string
	}{
		{"get agm", []string{agents}},
		{"get agentgroupmappings", []string{agents}},
		{"get agm -o wide", []string{agents + " ACCOUNT MESSAGE"}},
		{"get dca", []string{accounts}},
		{"get deepcallaccounts -o wide", []string{accounts + " MESSAGE"}},
		{"get deepcall", []string{agents, accounts}},
	} {
		t.Run(test.args, func(t *testing.T) {
			var headers []string
			for line := range strings.Lines(mustKubectl(t, "", strings.Fields(test.args)...)) {
				if strings.HasPrefix(line, "NAME") {
					headers = append(headers, strings.Join(strings.Fields(line), " "))
				}
			}
			if !slices.Equal(headers, test.want) {
				t.Errorf("got  %q\nwant %q", headers, test.want)
			}
		})
	}
}

func TestEveryFieldHasADescription(t *testing.T) {
	for _, plural := range []string{"agentgroupmappings", "deepcallaccounts"} {
		t.Run(plural, func(t *testing.T) {
			crd := newCRD(plural)
			NewWithT(t).Expect(admin.Get(t.Context(), client.ObjectKeyFromObject(crd), crd)).To(Succeed())
			versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
			root, found, _ := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
			if !found {
				t.Fatal("no schema found")
			}
			expectDescriptions(t, plural, root)
		})
	}
	t.Run("kubectl explain", func(t *testing.T) {
		want := mustKubectl(t, "", "get", "crd", "agentgroupmappings.telephony.deepcall.com",
			"-o=jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.groups.items.properties.receiveCall.description}")
		got := mustKubectl(t, "", "explain", "agm.spec.groups.receiveCall")
		if want == "" || !strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

// expectDescriptions expects that all fields below node have a description.
func expectDescriptions(t *testing.T, path string, node map[string]any) {
	t.Helper()
	properties, _, _ := unstructured.NestedMap(node, "properties")
	for name, field := range properties {
		field := field.(map[string]any)
		inherited := name == "metadata" // described by the API server
		if text, _ := field["description"].(string); text == "" && !inherited {
			t.Errorf("%s.%s has no description", path, name)
		}
		expectDescriptions(t, path+"."+name, field)
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if below, found, _ := unstructured.NestedMap(node, inner); found {
			expectDescriptions(t, path, below)
		}
	}
}

func newCRD(plural string) *unstructured.Unstructured {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	crd.SetName(plural + ".telephony.deepcall.com")
	return crd
}

func deleteAtEnd(t *testing.T, names ...string) {
	t.Cleanup(func() { mustKubectl(t, "", append([]string{"delete"}, names...)...) })
}
