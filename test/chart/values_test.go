package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"
)

// value is a key of values.yaml with a comment that starts with "-- ".
type value struct{ path, defaultJSON string }

// values returns the values of values.yaml in order.
func values(t *testing.T) []value {
	t.Helper()
	var document yaml.Node
	NewWithT(t).Expect(yaml.Unmarshal([]byte(readFile(t, chart, "values.yaml")), &document)).To(Succeed())
	return parseValues(t, "", document.Content[0])
}

func parseValues(t *testing.T, prefix string, mapping *yaml.Node) []value {
	t.Helper()
	var list []value
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		path := prefix + key.Value
		if strings.HasPrefix(key.HeadComment, "# -- ") {
			list = append(list, value{path: path, defaultJSON: toJSON(t, node)})
			continue
		}
		if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
			t.Errorf("values.yaml has no comment for %s", path)
			continue
		}
		list = append(list, parseValues(t, path+".", node)...)
	}
	return list
}

func toJSON(t *testing.T, node *yaml.Node) string {
	t.Helper()
	var decoded any
	NewWithT(t).Expect(node.Decode(&decoded)).To(Succeed())
	encoded, err := json.Marshal(decoded)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(encoded)
}

// otherValues are values in JSON that differ from the defaults and from testdata/everything.yaml.
var otherValues = map[string]string{
	"nameOverride": `"calls"`, "fullnameOverride": `"calls"`, "commonLabels": `{"team":"sales"}`, "commonAnnotations": `{"owner":"sales"}`,
	"crds.install": `false`, "crds.keep": `false`,
	"image.repository": `"registry.example.com/deepcall"`, "image.tag": `"v9"`, "image.digest": `"sha256:` + strings.Repeat("a", 64) + `"`,
	"image.pullPolicy": `"Always"`, "imagePullSecrets": `[]`,
	"replicas": `2`, "watchNamespaces": `["support"]`, "watchLabelSelector": `"a=b"`, "maxConcurrentReconciles": `8`, "allowInsecureEndpoints": `true`,
	"proxy.httpsProxy": `"https://other.example.com"`, "proxy.existingSecret": `"proxy"`, "proxy.noProxy": `"collector.observability"`,
	"logging.level": `"debug"`, "logging.format": `"json"`, "tracing.endpoint": `"https://collector:4317"`,
	"extraArgs": `[]`, "extraEnv": `[]`, "extraVolumes": `[]`, "extraVolumeMounts": `[]`,
	"serviceAccount.create": `false`, "serviceAccount.name": `"caller"`, "serviceAccount.labels": `{"a":"b"}`, "serviceAccount.annotations": `{"a":"b"}`,
	"rbac.create": `false`, "rbac.aggregate": `false`,
	"deploymentLabels": `{"a":"b"}`, "deploymentAnnotations": `{"a":"b"}`, "podLabels": `{"a":"b"}`, "podAnnotations": `{"a":"b"}`,
	"updateStrategy": `{"type":"Recreate","rollingUpdate":null}`, "podSecurityContext": `{"runAsUser":1}`, "securityContext": `{"privileged":true}`,
	"resources": `{"limits":{"memory":"1Gi"}}`, "nodeSelector": `{"a":"b"}`, "tolerations": `[]`, "affinity": `{"nodeAffinity":null}`,
	"extraObjects": `[]`, "revisionHistoryLimit": `5`, "dnsPolicy": `"Default"`, "dnsConfig": `{"options":[]}`, "hostAliases": `[]`,
	"startupProbe": `{"periodSeconds":30}`, "livenessProbe": `{"periodSeconds":30}`, "readinessProbe": `{"periodSeconds":30}`,
	"metrics.service.ipFamilyPolicy": `"SingleStack"`, "metrics.prometheusRule.disabledAlerts": `[]`,
	"topologySpreadConstraints": `[]`, "priorityClassName": `"high"`,
	"podDisruptionBudget.enabled": `false`, "podDisruptionBudget.maxUnavailable": `2`,
	"metrics.enabled": `false`, "metrics.secure": `false`, "metrics.port": `9443`, "metrics.groups": `false`, "metrics.readers": `[]`,
	"metrics.service.labels": `{"a":"b"}`, "metrics.service.annotations": `{"a":"b"}`,
	"metrics.serviceMonitor.enabled": `false`, "metrics.serviceMonitor.namespace": `"monitoring"`,
	"metrics.serviceMonitor.labels": `{"a":"b"}`, "metrics.serviceMonitor.annotations": `{"a":"b"}`,
	"metrics.serviceMonitor.endpoint": `{"interval":"1m"}`, "metrics.certificate.secretName": `""`,
	"metrics.prometheusRule.enabled": `false`, "metrics.prometheusRule.namespace": `"monitoring"`,
	"metrics.prometheusRule.labels": `{"a":"b"}`, "metrics.prometheusRule.annotations": `{"a":"b"}`,
	"metrics.dashboard.enabled": `false`, "metrics.dashboard.namespace": `"monitoring"`,
	"metrics.dashboard.labels": `{"a":"b"}`, "metrics.dashboard.annotations": `{"a":"b"}`,
	"policies.enabled": `false`, "policies.validationActions": `["Warn","Audit"]`, "policies.objectSelector": `{"matchLabels":{"a":"b"}}`,
	"networkPolicy.enabled": `false`, "networkPolicy.labels": `{"c":"d"}`, "networkPolicy.annotations": `{"c":"d"}`,
	"networkPolicy.metricsFrom": `[]`, "networkPolicy.egressPorts": `[443]`, "networkPolicy.extraEgress": `[]`,
}

// requiredValues are further values that a value of otherValues requires.
var requiredValues = map[string]string{
	"watchNamespaces":                  `metrics.certificate.secretName=""`,
	"serviceAccount.create":            `serviceAccount.name="caller"`,
	"metrics.enabled":                  `metrics.serviceMonitor.enabled=false,metrics.prometheusRule.enabled=false,metrics.certificate.secretName=""`,
	"proxy.existingSecret":             `proxy.httpsProxy=""`,
	"metrics.secure":                   `metrics.certificate.secretName=""`,
	"metrics.serviceMonitor.namespace": `metrics.certificate.secretName=""`,
}

func TestEveryValueHasAnEffect(t *testing.T) {
	everything := readFile(t, "testdata", "everything.yaml")
	rendered := render(t, "all", everything).text
	unknown := slices.Collect(maps.Keys(otherValues))
	for _, v := range values(t) {
		unknown = slices.DeleteFunc(unknown, func(path string) bool { return path == v.path })
		t.Run(v.path, func(t *testing.T) {
			other, found := otherValues[v.path]
			if !found {
				t.Fatal("otherValues has no value")
			}
			args, before := []string{}, rendered
			if required, found := requiredValues[v.path]; found {
				args = []string{"--set-json", required}
				before = render(t, "all", everything, args...).text
			}
			if after := render(t, "all", everything, append(args, "--set-json", v.path+"="+other)...).text; after == before {
				t.Errorf("%s has no effect", other)
			}
		})
	}
	NewWithT(t).Expect(unknown).To(BeEmpty())
}

// TestNullIsRejectedOrEmpty sets each value to null, which removes it. Then it is rejected by its name, or it is the same as a
// value without contents.
func TestNullIsRejectedOrEmpty(t *testing.T) {
	empty := map[byte]string{'[': "[]", '{': "{}", 'n': "null"}
	const enabled = "metrics: {serviceMonitor: {enabled: true}, dashboard: {enabled: true}}"
	base := []string{"template", operatorRelease, chart, "-f", "-"}
	for _, v := range values(t) {
		t.Run(v.path, func(t *testing.T) {
			t.Parallel()
			args := append(slices.Clone(base), "--set-json")
			out, err := helm(enabled, append(args, v.path+"=null")...)
			if err != nil {
				parent, name := "", v.path
				if i := strings.LastIndex(v.path, "."); i >= 0 {
					parent, name = "/"+strings.ReplaceAll(v.path[:i], ".", "/"), v.path[i+1:]
				}
				if want := fmt.Sprintf("at '%s': missing property '%s'", parent, name); !strings.Contains(out, want) {
					t.Errorf("the error lacks %q: %s", want, out)
				}
				return
			}
			want, found := empty[v.defaultJSON[0]]
			if !found {
				t.Fatalf("null is accepted instead of %s", v.defaultJSON)
			}
			if v.defaultJSON[0] == '{' && v.defaultJSON != want { // an empty map would leave the default's keys, which null removes
				if unchanged, err := helm(enabled, base...); err != nil || out == unchanged {
					t.Errorf("null has no effect (%v)", err)
				}
				return
			}
			if expected, err := helm(enabled, append(args, v.path+"="+want)...); err != nil || out != expected {
				t.Errorf("null is not the same as %s (%v)", want, err)
			}
		})
	}
}

// schema is the part of JSON Schema that the tests read.
type schema struct {
	Properties           map[string]schema
	AdditionalProperties any
}

func TestSchemaMatchesValues(t *testing.T) {
	var root schema
	NewWithT(t).Expect(json.Unmarshal([]byte(readFile(t, chart, "values.schema.json")), &root)).To(Succeed())
	// Parent charts can set these.
	for _, name := range []string{"global", "enabled"} {
		delete(root.Properties, name)
	}
	want := make([]string, 0, len(otherValues))
	for _, v := range values(t) {
		want = append(want, v.path)
	}
	got := root.paths(t, "", want)
	slices.Sort(got)
	slices.Sort(want)
	NewWithT(t).Expect(got).To(Equal(want))
}

// paths returns the paths of the values, without the properties of their contents.
func (s schema) paths(t *testing.T, prefix string, values []string) []string {
	t.Helper()
	NewWithT(t).Expect(s.AdditionalProperties).To(BeFalse(), "%q allows additional properties", prefix)
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

func TestInvalidValuesAreRejected(t *testing.T) {
	for given, want := range map[string]string{
		"replica: 2":                                            "additional properties 'replica' not allowed",
		"image: {tags: v1}":                                     "at '/image': additional properties 'tags' not allowed",
		"image: {tag: 1.0}":                                     "at '/image/tag': got number, want string",
		"image: {tag: 'v1 beta'}":                               "at '/image/tag'",
		"image: {digest: abc}":                                  "at '/image/digest'",
		"image: {repository: 'a@sha256:abc'}":                   "at '/image/repository'",
		"image: {pullPolicy: Sometimes}":                        "at '/image/pullPolicy': value must be one of 'Always'",
		"replicas: two":                                         "at '/replicas': got string, want integer",
		"replicas: -1":                                          "at '/replicas'",
		"watchNamespaces: support":                              "at '/watchNamespaces': got string, want array",
		"watchNamespaces: [Support]":                            "at '/watchNamespaces/0'",
		"watchNamespaces: [support, support]":                   "at '/watchNamespaces': items at 0 and 1 are equal",
		"maxConcurrentReconciles: 0":                            "at '/maxConcurrentReconciles'",
		"allowInsecureEndpoints: yes-please":                    "at '/allowInsecureEndpoints'",
		"logging: {level: loud}":                                "at '/logging/level'",
		"logging: {format: xml}":                                "at '/logging/format'",
		"tracing: {endpoint: 'collector:4317'}":                 "at '/tracing/endpoint'",
		"extraArgs: [leader-elect]":                             "at '/extraArgs/0'",
		"extraEnv: [{value: a}]":                                "at '/extraEnv/0': missing property 'name'",
		"imagePullSecrets: [registry]":                          "at '/imagePullSecrets/0'",
		"commonLabels: {a: true}":                               "at '/commonLabels/a': got boolean, want string",
		"podAnnotations: {a: 1}":                                "at '/podAnnotations/a': got number, want string",
		"fullnameOverride: Calls":                               "at '/fullnameOverride'",
		"crds: {keeps: true}":                                   "at '/crds': additional properties 'keeps' not allowed",
		"startupProbe: {httpGet: {path: /readyz}}":              "at '/startupProbe': additional properties 'httpGet' not allowed",
		"rbac: {aggregate: 1}":                                  "at '/rbac/aggregate'",
		"resources: {limit: {cpu: 1}}":                          "at '/resources': additional properties 'limit' not allowed",
		"podDisruptionBudget: {maxUnavailable: a}":              "at '/podDisruptionBudget/maxUnavailable'",
		"metrics: {port: 70000}":                                "at '/metrics/port'",
		"metrics: {secure: 'false'}":                            "at '/metrics/secure'",
		"metrics: {readers: [{name: prometheus}]}":              "at '/metrics/readers/0': missing property 'namespace'",
		"metrics: {certificate: {secretName: Metrics}}":         "at '/metrics/certificate/secretName'",
		"metrics: {serviceMonitor: {interval: 30s}}":            "at '/metrics/serviceMonitor': additional properties 'interval' not allowed",
		"metrics: {serviceMonitor: {endpoint: {interval: 30}}}": "at '/metrics/serviceMonitor/endpoint/interval'",
		"metrics: {prometheusrule: {}}":                         "at '/metrics': additional properties 'prometheusrule' not allowed",
		"networkPolicy: {egressPorts: [https]}":                 "at '/networkPolicy/egressPorts/0'",
		"policies: {validationActions: []}":                     "at '/policies/validationActions': minItems",
		"policies: {objectSelector: {shard: a}}":                "at '/policies/objectSelector': additional properties 'shard' not allowed",
		// Templates reject combinations that the schema can't express.
		"{watchNamespaces: [support], metrics: {secure: true}}":                                                 "metrics.secure can't be true with watchNamespaces",
		"metrics: {port: 8081}":                                                                                 "metrics.port can't be 8081",
		"serviceAccount: {create: false}":                                                                       "serviceAccount.name is required when serviceAccount.create is false",
		"metrics: {enabled: false, serviceMonitor: {enabled: true}}":                                            "metrics.serviceMonitor.enabled requires metrics.enabled",
		"metrics: {enabled: false, prometheusRule: {enabled: true}}":                                            "metrics.prometheusRule.enabled requires metrics.enabled",
		"{watchNamespaces: [support], metrics: {certificate: {secretName: metrics}}}":                           "metrics.certificate.secretName requires secure metrics",
		"metrics: {certificate: {secretName: metrics}, serviceMonitor: {enabled: true, namespace: monitoring}}": "metrics.serviceMonitor.endpoint.tlsConfig is required",
		"{policies: {enabled: true}, watchLabelSelector: shard=a}":                                              "policies.objectSelector is required with watchLabelSelector",
		"proxy: {httpsProxy: 'http://proxy', existingSecret: proxy}":                                            "proxy.httpsProxy and proxy.existingSecret exclude each other",
		"{watchNamespaces: [support], metrics: {readers: [{name: '', namespace: a}]}}":                          "at '/metrics/readers/0/name'",
	} {
		_, err := template(chart, operatorRelease, given)
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring(want)), given)
	}
}
