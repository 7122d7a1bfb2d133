package manifest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const (
	validMapping = `
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: asha, namespace: support}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "90", receiveCall: true}]
`
	validAccount = `
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme, namespace: support}
spec:
  endpoint: https://v4-api.deepcall.com
  credentialsSecretRef: {name: acme-deepcall}
`
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return object
}

func newConverter(t *testing.T) *Converter {
	t.Helper()
	converter, err := NewConverter()
	if err != nil {
		t.Fatal(err)
	}
	return converter
}

func TestConverter(t *testing.T) {
	converter := newConverter(t)
	for name, c := range map[string]struct {
		manifest, replace, by string
		want                  []string
	}{
		"accepts a mapping":                        {manifest: validMapping},
		"accepts a mapping without groups":         {validMapping, `[{groupID: "90", receiveCall: true}]`, "[]", nil},
		"ignores the status":                       {validMapping, "spec:", "status: {receiving: 7}\nspec:", nil},
		"accepts an account":                       {manifest: validAccount},
		"rejects another version":                  {validMapping, "v1alpha1", "v2", []string{"unknown kind AgentGroupMapping of telephony.deepcall.com/v2"}},
		"rejects a misspelt kind":                  {validMapping, "kind: Agent", "kind: Agents", []string{"unknown kind AgentsGroupMapping of telephony"}},
		"rejects misspelt groups":                  {validMapping, "groups:", "gruops:", []string{`unknown field "spec.gruops", known are accountRef, agentID, groups, `, "spec.groups is required"}},
		"rejects a misspelt field of a group":      {validMapping, "receiveCall", "receiveCalls", []string{`unknown field "spec.groups[0].receiveCalls", known are groupID, receiveCall`, "spec.groups[0].receiveCall is required"}},
		"rejects a misspelt field of the metadata": {validMapping, "name: asha", "name: asha, lables: {}", []string{`unknown field "metadata.lables"`}},
		"rejects a number as ID":                   {validMapping, `"7"`, "7", []string{`spec.agentID must be of type string: "integer"`}},
		"rejects an invalid ID":                    {validMapping, `"90"`, `"90|91"`, []string{`spec.groups[0].groupID should match '^[A-Za-z0-9._-]+$'`}},
		"rejects a quoted boolean":                 {validMapping, "true", `"true"`, []string{`spec.groups[0].receiveCall must be of type boolean: "string"`}},
		"rejects a group that is declared twice":   {validMapping, "groups: [", `groups: [{groupID: "90", receiveCall: false}, `, []string{`spec.groups[1]: group "90" is declared twice`}},
		"rejects an unknown removal policy":        {validMapping, "spec:", "spec:\n  removalPolicy: Stop", []string{"spec.removalPolicy should be one of"}},
		"rejects a short resync interval":          {validMapping, "spec:", "spec:\n  resyncInterval: 30s", []string{"spec.resyncInterval must be at least 1m"}},
		"rejects a name that Kubernetes rejects":   {validMapping, "name: asha", "name: Asha", []string{"metadata.name a lowercase RFC 1123 subdomain"}},
		"rejects an object without a name":         {validMapping, "name: asha, ", "", []string{"metadata.name"}},
		"rejects a missing endpoint":               {validAccount, "endpoint: https://v4-api.deepcall.com", "limits: {burst: 0}", []string{"spec.endpoint is required", "spec.limits.burst should be greater than or equal to 1"}},
		"rejects a long request timeout":           {validAccount, "spec:", "spec:\n  requestTimeout: 10s", []string{"spec.requestTimeout must be more than 0s and at most 9s"}},
		"rejects a field that belongs elsewhere":   {validAccount, "spec:", "spec:\n  groups: []", []string{`unknown field "spec.groups", known are allowedNamespaces, caBundle, `}},
		"accepts empty optional fields":            {validMapping, "{name: acme}", "{name: acme, namespace: null}\n  removalPolicy:\n  resyncInterval:\n  suspend:", nil},
		"rejects empty required fields":            {validMapping, `"7"`, "", []string{"spec.agentID is required"}},
		"rejects an empty field of a group":        {validMapping, "true", "null", []string{"spec.groups[0].receiveCall is required"}},
		"rejects an empty unknown field":           {validMapping, "spec:", "spec:\n  suspended:", []string{`unknown field "spec.suspended"`}},
		"rejects an empty group":                   {validMapping, `[{`, `[null, {`, []string{"spec.groups[0] must be of type object"}},
		"rejects an endpoint without a scheme":     {validAccount, "https://v4-api.deepcall.com", `x`, []string{"spec.endpoint must begin with https://"}},
		"rejects an endpoint of another scheme":    {validAccount, "https://v4-api.deepcall.com", `ftp://x`, []string{"spec.endpoint must begin with https://"}},
		"rejects an endpoint with a user":          {validAccount, "https://v4-api.deepcall.com", `https://u@x`, []string{"spec.endpoint must not contain user info ('@')"}},
		"rejects an endpoint with a query":         {validAccount, "https://v4-api.deepcall.com", `https://x?a=b`, []string{"spec.endpoint must not have a query"}},
		"rejects an endpoint with a space":         {validAccount, "https://v4-api.deepcall.com", `"https://x/a b"`, []string{"spec.endpoint must not contain spaces"}},
		"accepts an endpoint for development":      {validAccount, "https://v4-api.deepcall.com", "http://localhost:8080/x", nil},
		"rejects a selector without Selector":      {validAccount, "spec:", "spec:\n  allowedNamespaces: {selector: {}}", []string{"spec.allowedNamespaces.selector is required if"}},
		"rejects two CA bundles": {
			validAccount, "spec:", "spec:\n  caBundle: eA==\n  caBundleRef: {kind: Secret, name: ca}", []string{"spec.caBundle and spec.caBundleRef are mutually exclusive"},
		},
		"accepts empty optional fields of an account": {
			validAccount, "spec:", "spec:\n  limits:\n  requestTimeout:\n  allowedNamespaces: {from: null, selector: null}", nil,
		},
		"accepts a mapping with all fields it knows": {validMapping, "spec:", "spec:\n  removalPolicy: Orphan\n  resyncInterval: 0s\n  suspend: true", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.replace != "" && !strings.Contains(c.manifest, c.replace) {
				t.Fatalf("the manifest lacks %s", c.replace)
			}
			object := parse(t, strings.Replace(c.manifest, c.replace, c.by, 1))
			var problems []string
			if object.GetKind() == "DeepCallAccount" {
				_, problems = converter.Account(object)
			} else {
				_, problems = converter.Mapping(object)
			}
			slices.Sort(problems)
			want := slices.Sorted(slices.Values(c.want))
			if !slices.EqualFunc(problems, want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", problems, want)
			}
		})
	}
}

func TestConverter_converts_all_fields(t *testing.T) {
	converter := newConverter(t)
	m, problems := converter.Mapping(parse(t, validMapping))
	if len(problems) > 0 || m.Name != "asha" || m.Spec.AgentID != "7" || m.Spec.Groups[0] != (v1alpha1.AgentGroup{GroupID: "90", ReceiveCall: true}) {
		t.Errorf("got %+v, %v", m, problems)
	}
	a, problems := converter.Account(parse(t, validAccount))
	if len(problems) > 0 || a.Name != "acme" || a.Spec.Endpoint != "https://v4-api.deepcall.com" {
		t.Errorf("got %+v, %v", a, problems)
	}
}

func TestConverter_does_not_change_its_input(t *testing.T) {
	object := parse(t, validMapping+"status: {receiving: 7}\n")
	if _, problems := newConverter(t).Mapping(object); len(problems) > 0 || object.Object["status"] == nil {
		t.Errorf("got %v, %v", object.Object, problems)
	}
}

// What kubectl apply does was compared with kubectl in test/plugin.
func TestMerge(t *testing.T) {
	for name, c := range map[string]struct{ live, last, manifest, want string }{
		"replaces groups as a whole":                     {`{"groups":[1,2]}`, `{"groups":[1,2]}`, `{"groups":[3]}`, `{"groups":[3]}`},
		"keeps a field that another tool has set":        {`{"suspend":true}`, `{}`, `{}`, `{"suspend":true}`},
		"removes a field that the last manifest had":     {`{"suspend":true}`, `{"suspend":true}`, `{}`, `{}`},
		"removes a field that the manifest sets to null": {`{"suspend":true}`, `{}`, `{"suspend":null}`, `{}`},
		"adds a field":   {`{}`, `{}`, `{"suspend":true}`, `{"suspend":true}`},
		"merges objects": {`{"a":{"x":1,"y":1,"z":1}}`, `{"a":{"y":1}}`, `{"a":{"x":2}}`, `{"a":{"x":2,"z":1}}`},
		"keeps all other fields without a last manifest":    {`{"a":1,"b":2}`, ``, `{"b":3}`, `{"a":1,"b":3}`},
		"replaces a value by an object":                     {`{"a":1}`, `{}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		"removes an object that the manifest does not have": {`{"a":{"x":1}}`, `{"a":{"x":1}}`, `{}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			live := parse(t, `{"apiVersion": "v1", "kind": "Test", "spec": `+c.live+`}`)
			if c.last != "" {
				live.SetAnnotations(map[string]string{lastApplied: `{"spec":` + c.last + `}`})
			}
			object := parse(t, `{"apiVersion": "v1", "kind": "Test", "spec": `+c.manifest+`}`)
			spec := live.Object["spec"].(map[string]any)
			if err := Merge(object, live, &spec); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(object.Object["spec"])
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
	live := parse(t, `{"apiVersion": "v1", "kind": "Test"}`)
	live.SetAnnotations(map[string]string{lastApplied: "{"})
	if err := Merge(parse(t, validMapping), live, &v1alpha1.AgentGroupMappingSpec{}); err == nil || !strings.Contains(err.Error(), lastApplied) {
		t.Errorf("got %v for a damaged annotation", err)
	}
}
