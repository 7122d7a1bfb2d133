package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestAccountRejectsInvalidFields(t *testing.T) {
	const (
		selectorRule  = "selector is required if from is Selector, and forbidden otherwise"
		exclusive     = "caBundle and caBundleRef are mutually exclusive: set one of them"
		referenceName = "name must be the name of a ConfigMap or Secret: lower case letters, digits, '-' and '.'"
	)
	account.validate(t, []validation{
		{"no endpoint", `endpoint: null`, "spec.endpoint", "Required"},
		{"no Secret", `credentialsSecretRef: null`, "spec.credentialsSecretRef", "Required"},
		{"a Secret without a name", `credentialsSecretRef: {}`, "spec.credentialsSecretRef.name", "Required"},
		{"a Secret with an empty name", `credentialsSecretRef: {name: ""}`, "spec.credentialsSecretRef.name", "at least 1 chars"},
		{"a Secret with a name of 254 characters", `credentialsSecretRef: {name: ` + strings.Repeat("x", 254) + `}`, "spec.credentialsSecretRef.name", "more than 253"},
		{"0 requests per second", `limits: {requestsPerSecond: 0}`, "spec.limits.requestsPerSecond", "greater than or equal to 1"},
		{"100001 requests per second", `limits: {requestsPerSecond: 100001}`, "spec.limits.requestsPerSecond", "less than or equal to 100000"},
		{"half a request per second", `limits: {requestsPerSecond: 0.5}`, "spec.limits.requestsPerSecond", "must be of type int"},
		{"a burst of 0", `limits: {burst: 0}`, "spec.limits.burst", "greater than or equal to 1"},
		{"a burst of 100001", `limits: {burst: 100001}`, "spec.limits.burst", "less than or equal to 100000"},
		{"maxInFlight 0", `limits: {maxInFlight: 0}`, "spec.limits.maxInFlight", "greater than or equal to 1"},
		{"maxInFlight -1", `limits: {maxInFlight: -1}`, "spec.limits.maxInFlight", "greater than or equal to 1"},
		{"maxInFlight 1001", `limits: {maxInFlight: 1001}`, "spec.limits.maxInFlight", "less than or equal to 1000"},
		{"limits that are strings", `limits: {burst: "20"}`, "spec.limits.burst", "must be of type integer"},
		{"a CA bundle that is not base64", `caBundle: "-----BEGIN CERTIFICATE-----"`, "spec.caBundle", "must be of type byte"},
		{"a CA bundle of more than 1 MiB", `caBundle: ` + strings.Repeat("QUJD", 1<<18+1), "spec.caBundle", "more than 1048576"},
		{"a CA bundle and a reference to one", `{caBundle: QUJD, caBundleRef: {kind: ConfigMap, name: corp-ca}}`, "spec", exclusive},
		{"a CA bundle reference without a kind", `caBundleRef: {name: corp-ca}`, "spec.caBundleRef.kind", "Required"},
		{"a CA bundle reference to another kind", `caBundleRef: {kind: Pod, name: corp-ca}`, "spec.caBundleRef.kind", `supported values: "ConfigMap", "Secret"`},
		{"a CA bundle reference without a name", `caBundleRef: {kind: Secret}`, "spec.caBundleRef.name", "Required"},
		{"a CA bundle reference with an empty name", `caBundleRef: {kind: Secret, name: ""}`, "spec.caBundleRef.name", "at least 1 chars"},
		{"a CA bundle reference to another namespace", `caBundleRef: {kind: Secret, name: sales/corp-ca}`, "spec.caBundleRef.name", referenceName},
		{"a CA bundle reference with a name in capitals", `caBundleRef: {kind: Secret, name: Corp}`, "spec.caBundleRef.name", referenceName},
		{"a CA bundle reference with an empty key", `caBundleRef: {kind: Secret, name: corp-ca, key: ""}`, "spec.caBundleRef.key", "at least 1 chars"},
		{"a CA bundle reference with an invalid key", `caBundleRef: {kind: Secret, name: corp-ca, key: ca/crt}`, "spec.caBundleRef.key", "should match"},
		{"an unknown allowedNamespaces.from", `allowedNamespaces: {from: Some}`, "spec.allowedNamespaces.from", `supported values: "Same", "All", "Selector"`},
		{"Selector without a selector", `allowedNamespaces: {from: Selector}`, "spec.allowedNamespaces", selectorRule},
		{"All with a selector", `allowedNamespaces: {from: All, selector: {}}`, "spec.allowedNamespaces", selectorRule},
		{"Same with a selector", `allowedNamespaces: {from: Same, selector: {}}`, "spec.allowedNamespaces", selectorRule},
		{"a selector without from", `allowedNamespaces: {selector: {matchLabels: {team: support}}}`, "spec.allowedNamespaces", selectorRule},
		{"a request timeout that is a number", `requestTimeout: 8`, "spec.requestTimeout", "must be of type string"},
	})
}

func TestAccountAcceptsValidFields(t *testing.T) {
	account.validate(t, []validation{
		{name: "minimum limits", spec: `limits: {requestsPerSecond: 1, burst: 1, maxInFlight: 1}`},
		{name: "maximum limits", spec: `limits: {requestsPerSecond: 100000, burst: 100000, maxInFlight: 1000}`},
		{name: "a CA bundle", spec: `caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t`},
		{name: "a CA bundle in a ConfigMap", spec: `caBundleRef: {kind: ConfigMap, name: kube-root-ca.crt}`},
		{name: "a CA bundle in a Secret", spec: `caBundleRef: {kind: Secret, name: corp-ca, key: tls-ca.crt}`},
		{name: "allowedNamespaces Same", spec: `allowedNamespaces: {from: Same}`},
		{name: "allowedNamespaces All", spec: `allowedNamespaces: {from: All}`},
		{name: "a selector with labels", spec: `allowedNamespaces: {from: Selector, selector: {matchLabels: {team: support}}}`},
		{name: "an empty selector", spec: `allowedNamespaces: {from: Selector, selector: {}}`},
		{name: "empty allowedNamespaces", spec: `allowedNamespaces: {}`},
	})
}

func TestEndpoint(t *testing.T) {
	const (
		absolute = "endpoint must be an absolute https URL with a host, for example https://v4-api.deepcall.com"
		userInfo = "endpoint must not contain user info ('@'); credentials belong in the Secret of credentialsSecretRef"
		query    = "endpoint must not contain a query ('?') or a fragment ('#')"
	)
	var cases []validation
	for _, valid := range []string{
		"https://v4-api.deepcall.com", "https://v4-api.deepcall.com/", "https://brand.example/deepcall", "https://brand.example/a/b/",
		"https://brand.example:8443", "https://brand.example:8443/deepcall", "https://192.0.2.7", "https://[2001:db8::7]",
		"https://[2001:db8::7]:8443/deepcall", "http://127.0.0.1:8080", "http://simulator.deepcall.svc", "HTTPS://brand.example",
		"https://brand.example/" + strings.Repeat("x", 1024-len("https://brand.example/")),
	} {
		cases = append(cases, validation{name: fmt.Sprintf("%.60s", valid), spec: fmt.Sprintf("endpoint: %q", valid)})
	}
	for _, invalid := range []struct {
		message   string
		endpoints []string
	}{
		{absolute, []string{
			"", "brand.example", "/deepcall", "//brand.example/deepcall", "https://", "https:///deepcall", "https:brand.example",
			"https://:443", "ftp://brand.example", "file:///etc/passwd", "mailto:admin", "https://brand.example:port",
			"https://[2001:db8::7", "https://brand.example/%zz",
		}},
		{userInfo, []string{"https://user@brand.example", "https://user:pass@brand.example", "https://brand.example/a@b"}},
		{query, []string{"https://brand.example/?a=b", "https://brand.example?", "https://brand.example/#top", "https://brand.example#"}},
		{"endpoint must", []string{ // spaces
			" https://brand.example", "https://brand.example ", "https://brand example", "https://brand.example\n",
			"https://brand.example/deep call", "https://brand.example/ ",
		}},
		{"more than 1024", []string{"https://brand.example/" + strings.Repeat("x", 1024)}},
	} {
		for _, endpoint := range invalid.endpoints {
			cases = append(cases, validation{fmt.Sprintf("%.60q", endpoint), fmt.Sprintf("endpoint: %q", endpoint), "spec.endpoint", invalid.message})
		}
	}
	account.validate(t, cases)
}

func TestRequestTimeout(t *testing.T) {
	const message = "requestTimeout must be more than 0s and at most 9s, for example 8s"
	var cases []validation
	for _, valid := range []string{"1ms", "500ms", "0.5s", "1s", "8s", "9s", "8s999ms", "9000ms"} {
		cases = append(cases, validation{name: valid, spec: fmt.Sprintf("requestTimeout: %q", valid)})
	}
	for _, invalid := range []string{"0s", "0ms", "0.0s", "9.5s", "9s1ms", "9001ms", "10s", "1m", "0.1m", "1h", "-1s", "8", "0", "", "soon", "8 s", "8S", "99999999999999999999s"} {
		cases = append(cases, validation{fmt.Sprintf("%q", invalid), fmt.Sprintf("requestTimeout: %q", invalid), "spec.requestTimeout", message})
	}
	account.validate(t, cases)
}
