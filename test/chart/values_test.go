package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// value is one of values.yaml: a key with a comment that begins with "-- ".
type value struct{ path, meaning, standard string }

// values are those of values.yaml, in its order.
func values(t *testing.T) []value {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	return valuesOf(t, "", document.Content[0])
}

func valuesOf(t *testing.T, prefix string, mapping *yaml.Node) []value {
	t.Helper()
	var list []value
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		path := prefix + key.Value
		if meaning, found := strings.CutPrefix(key.HeadComment, "# -- "); found {
			list = append(list, value{path: path, meaning: meaning, standard: inJSON(t, node)})
			continue
		}
		if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
			t.Errorf("values.yaml says nothing about %s", path)
			continue
		}
		list = append(list, valuesOf(t, path+".", node)...)
	}
	return list
}

func inJSON(t *testing.T, node *yaml.Node) string {
	t.Helper()
	var decoded any
	if err := node.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// others are values other than the defaults and those of testdata/everything.yaml, in JSON.
var others = map[string]string{
	"nameOverride": `"calls"`, "fullnameOverride": `"calls"`, "commonLabels": `{"team":"sales"}`, "commonAnnotations": `{"owner":"sales"}`,
	"crds.install": `false`, "crds.keep": `false`,
	"image.repository": `"registry.example.com/deepcall"`, "image.tag": `"v9"`, "image.digest": `"sha256:` + strings.Repeat("a", 64) + `"`,
	"image.pullPolicy": `"Always"`, "imagePullSecrets": `[]`,
	"replicas": `2`, "watchNamespaces": `["support"]`, "watchLabelSelector": `"a=b"`, "maxConcurrentReconciles": `8`, "allowInsecureEndpoints": `true`,
	"logging.level": `"debug"`, "logging.format": `"json"`, "tracing.endpoint": `"https://collector:4317"`,
	"extraArgs": `[]`, "extraEnv": `[]`, "extraVolumes": `[]`, "extraVolumeMounts": `[]`,
	"serviceAccount.create": `false`, "serviceAccount.name": `"caller"`, "serviceAccount.labels": `{"a":"b"}`, "serviceAccount.annotations": `{"a":"b"}`,
	"rbac.create": `false`, "rbac.aggregate": `false`,
	"deploymentLabels": `{"a":"b"}`, "deploymentAnnotations": `{"a":"b"}`, "podLabels": `{"a":"b"}`, "podAnnotations": `{"a":"b"}`,
	"updateStrategy": `{"type":"Recreate","rollingUpdate":null}`, "podSecurityContext": `{"runAsUser":1}`, "securityContext": `{"privileged":true}`,
	"resources": `{"limits":{"memory":"1Gi"}}`, "nodeSelector": `{"a":"b"}`, "tolerations": `[]`, "affinity": `{"nodeAffinity":null}`,
	"topologySpreadConstraints": `[]`, "priorityClassName": `"high"`,
	"podDisruptionBudget.enabled": `false`, "podDisruptionBudget.maxUnavailable": `2`,
	"metrics.enabled": `false`, "metrics.secure": `false`, "metrics.port": `9443`, "metrics.readers": `[]`,
	"metrics.service.labels": `{"a":"b"}`, "metrics.service.annotations": `{"a":"b"}`,
	"metrics.serviceMonitor.enabled": `false`, "metrics.serviceMonitor.namespace": `"monitoring"`,
	"metrics.serviceMonitor.labels": `{"a":"b"}`, "metrics.serviceMonitor.annotations": `{"a":"b"}`,
	"metrics.serviceMonitor.interval": `"1m"`, "metrics.serviceMonitor.scrapeTimeout": `"5s"`,
	"metrics.serviceMonitor.tlsConfig": `{"insecureSkipVerify":false}`, "metrics.serviceMonitor.relabelings": `[]`,
	"metrics.serviceMonitor.metricRelabelings": `[]`,
	"metrics.prometheusRule.enabled":           `false`, "metrics.prometheusRule.namespace": `"monitoring"`,
	"metrics.prometheusRule.labels": `{"a":"b"}`, "metrics.prometheusRule.annotations": `{"a":"b"}`,
	"metrics.dashboard.enabled": `false`, "metrics.dashboard.namespace": `"monitoring"`,
	"metrics.dashboard.labels": `{"a":"b"}`, "metrics.dashboard.annotations": `{"a":"b"}`,
	"networkPolicy.enabled": `false`, "networkPolicy.labels": `{"c":"d"}`, "networkPolicy.annotations": `{"c":"d"}`,
	"networkPolicy.metricsFrom": `[]`, "networkPolicy.egressPorts": `[443]`, "networkPolicy.extraEgress": `[]`,
}

// with is what another value needs beside it.
var with = map[string]string{
	"serviceAccount.create": `serviceAccount.name="caller"`,
	"metrics.enabled":       `metrics.serviceMonitor.enabled=false,metrics.prometheusRule.enabled=false`,
}

func TestEveryValueHasItsEffect(t *testing.T) {
	everything := testdata(t, "everything.yaml")
	plain := render(t, "all", everything).text
	known := slices.Collect(maps.Keys(others))
	for _, v := range values(t) {
		known = slices.DeleteFunc(known, func(path string) bool { return path == v.path })
		t.Run(v.path, func(t *testing.T) {
			other, found := others[v.path]
			if !found {
				t.Fatal("the test knows no other value")
			}
			args, before := []string{}, plain
			if beside, found := with[v.path]; found {
				args = []string{"--set-json", beside}
				before = render(t, "all", everything, args...).text
			}
			if after := render(t, "all", everything, append(args, "--set-json", v.path+"="+other)...).text; after == before {
				t.Errorf("%s changes nothing", other)
			}
		})
	}
	if len(known) > 0 {
		t.Errorf("values.yaml has no %q", known)
	}
}

// schema is as much of JSON Schema as there is to look at.
type schema struct {
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties any               `json:"additionalProperties"`
}

func TestTheSchemaHasTheVeryValues(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root schema
	if err := json.Unmarshal(content, &root); err != nil {
		t.Fatal(err)
	}
	// What a chart above this one may add.
	for _, name := range []string{"global", "enabled"} {
		delete(root.Properties, name)
	}
	want := make([]string, 0, len(others))
	for _, v := range values(t) {
		want = append(want, v.path)
	}
	got := root.paths(t, "", want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the schema has\n%q, values.yaml\n%q", got, want)
	}
}

// paths are those of the values; what is below a value is not looked at.
func (s schema) paths(t *testing.T, prefix string, values []string) []string {
	t.Helper()
	if s.AdditionalProperties != false {
		t.Errorf("below %q anything goes", prefix)
	}
	var list []string
	for name, below := range s.Properties {
		path := prefix + name
		if len(below.Properties) == 0 || slices.Contains(values, path) {
			list = append(list, path)
			continue
		}
		list = append(list, below.paths(t, path+".", values)...)
	}
	return list
}

func TestWrongValuesAreRefusedByName(t *testing.T) {
	for given, want := range map[string]string{
		"replica: 2":                                "additional properties 'replica' not allowed",
		"image: {tags: v1}":                         "at '/image': additional properties 'tags' not allowed",
		"image: {tag: 1.0}":                         "at '/image/tag': got number, want string",
		"image: {tag: 'v1 beta'}":                   "at '/image/tag'",
		"image: {digest: abc}":                      "at '/image/digest'",
		"image: {repository: 'a@sha256:abc'}":       "at '/image/repository'",
		"image: {pullPolicy: Sometimes}":            "at '/image/pullPolicy': value must be one of 'Always'",
		"replicas: two":                             "at '/replicas': got string, want integer",
		"replicas: -1":                              "at '/replicas'",
		"watchNamespaces: support":                  "at '/watchNamespaces': got string, want array",
		"watchNamespaces: [Support]":                "at '/watchNamespaces/0'",
		"watchNamespaces: [support, support]":       "at '/watchNamespaces': items at 0 and 1 are equal",
		"maxConcurrentReconciles: 0":                "at '/maxConcurrentReconciles'",
		"allowInsecureEndpoints: yes-please":        "at '/allowInsecureEndpoints'",
		"logging: {level: loud}":                    "at '/logging/level'",
		"logging: {format: xml}":                    "at '/logging/format'",
		"tracing: {endpoint: 'collector:4317'}":     "at '/tracing/endpoint'",
		"extraArgs: [leader-elect]":                 "at '/extraArgs/0'",
		"extraEnv: [{value: a}]":                    "at '/extraEnv/0': missing property 'name'",
		"imagePullSecrets: [registry]":              "at '/imagePullSecrets/0'",
		"commonLabels: {a: true}":                   "at '/commonLabels/a': got boolean, want string",
		"podAnnotations: {a: 1}":                    "at '/podAnnotations/a': got number, want string",
		"fullnameOverride: Calls":                   "at '/fullnameOverride'",
		"crds: {keeps: true}":                       "at '/crds': additional properties 'keeps' not allowed",
		"rbac: {aggregate: 1}":                      "at '/rbac/aggregate'",
		"resources: {limit: {cpu: 1}}":              "at '/resources': additional properties 'limit' not allowed",
		"podDisruptionBudget: {maxUnavailable: a}":  "at '/podDisruptionBudget/maxUnavailable'",
		"metrics: {port: 70000}":                    "at '/metrics/port'",
		"metrics: {secure: 'false'}":                "at '/metrics/secure'",
		"metrics: {readers: [{name: prometheus}]}":  "at '/metrics/readers/0': missing property 'namespace'",
		"metrics: {serviceMonitor: {interval: 30}}": "at '/metrics/serviceMonitor/interval'",
		"metrics: {prometheusrule: {}}":             "at '/metrics': additional properties 'prometheusrule' not allowed",
		"networkPolicy: {egressPorts: [https]}":     "at '/networkPolicy/egressPorts/0'",
		// What the schema can't say, the templates do.
		"{watchNamespaces: [support], metrics: {secure: true}}":                        "metrics.secure can't be true with watchNamespaces",
		"serviceAccount: {create: false}":                                              "serviceAccount.name is required when serviceAccount.create is false",
		"metrics: {enabled: false, serviceMonitor: {enabled: true}}":                   "metrics.serviceMonitor.enabled requires metrics.enabled",
		"metrics: {enabled: false, prometheusRule: {enabled: true}}":                   "metrics.prometheusRule.enabled requires metrics.enabled",
		"{watchNamespaces: [support], metrics: {readers: [{name: '', namespace: a}]}}": "at '/metrics/readers/0/name'",
	} {
		if out, err := template(operatorRelease, given); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %v %.600s\nwant %s", given, err, out, want)
		}
	}
}

func TestTheReadmeTellsEveryValue(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(chart, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| value | default | meaning |\n|---|---|---|\n")
	for _, v := range values(t) {
		fmt.Fprintf(&want, "| `%s` | `%s` | %s |\n", v.path, v.standard, v.meaning)
	}
	if _, table, _ := strings.Cut(string(content), "\n## Values\n\n"); table != want.String() {
		t.Errorf("the README must end with\n\n%s", want.String())
	}
}
