package api

import (
	"reflect"
	"testing"
)

func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		name        string
		fixture     fixture
		given, want string
	}{
		{"a mapping", mapping, `{}`, `{accountRef: {name: acme}, agentID: "7", groups: [],
			removalPolicy: StopCalls, resyncInterval: 1h, suspend: false}`},
		{"an account", account, `{}`, `{endpoint: https://v4-api.deepcall.com, credentialsSecretRef: {name: acme-deepcall},
			requestTimeout: 8s, limits: {requestsPerSecond: 10, burst: 20, maxInFlight: 4}, allowedNamespaces: {from: Same}}`},
		{
			"an account with some limits", account, `{limits: {burst: 5}, allowedNamespaces: {}}`,
			`{endpoint: https://v4-api.deepcall.com, credentialsSecretRef: {name: acme-deepcall},
			requestTimeout: 8s, limits: {requestsPerSecond: 10, burst: 5, maxInFlight: 4}, allowedNamespaces: {from: Same}}`,
		},
		{
			"an account with a reference to a CA bundle", account, `{caBundleRef: {kind: ConfigMap, name: corp-ca}}`,
			`{endpoint: https://v4-api.deepcall.com, credentialsSecretRef: {name: acme-deepcall},
			requestTimeout: 8s, limits: {requestsPerSecond: 10, burst: 20, maxInFlight: 4}, allowedNamespaces: {from: Same},
			caBundleRef: {kind: ConfigMap, name: corp-ca, key: ca.crt}}`,
		},
		{
			"an account with everything", account,
			`{requestTimeout: 1s, limits: {requestsPerSecond: 1, burst: 2, maxInFlight: 3}, caBundle: QUJD, allowedNamespaces: {from: All}}`,
			`{endpoint: https://v4-api.deepcall.com, credentialsSecretRef: {name: acme-deepcall},
			requestTimeout: 1s, limits: {requestsPerSecond: 1, burst: 2, maxInFlight: 3}, caBundle: QUJD, allowedNamespaces: {from: All}}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			obj := create(t, test.fixture.with(t, "defaults", test.given))
			if want := fromYAML(t, test.want); !reflect.DeepEqual(obj.Object["spec"], want) {
				t.Errorf("got  %v\nwant %v", obj.Object["spec"], want)
			}
			if want := map[string]any{"observedGeneration": int64(-1)}; !reflect.DeepEqual(obj.Object["status"], want) {
				t.Errorf("got the status %v, want %v, so that a new object is not considered ready", obj.Object["status"], want)
			}
		})
	}
}
