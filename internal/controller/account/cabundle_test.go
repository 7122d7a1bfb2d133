package account

import (
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

func TestCABundle(t *testing.T) {
	valid := certificate(t)
	for name, c := range map[string]struct {
		value  []byte // nil if the key is missing
		absent bool   // the whole object
		binary bool
		reason string
	}{
		"is used if it is valid":                {value: valid},
		"is used if it is binary":               {value: append([]byte("# Autorit\xe9\n"), valid...), binary: true},
		"is missing without the object":         {absent: true, reason: v1alpha1.ReasonCABundleNotFound},
		"is missing without the key":            {reason: v1alpha1.ReasonCABundleNotFound},
		"is missing if the value is empty":      {value: []byte{}, reason: v1alpha1.ReasonCABundleNotFound},
		"is invalid if it has no certificate":   {value: []byte("\n"), reason: v1alpha1.ReasonInvalidCABundle},
		"is invalid if a certificate is broken": {value: append(valid[:len(valid)/2:len(valid)/2], valid...), reason: v1alpha1.ReasonInvalidCABundle},
		"is invalid if it is too large":         {value: append([]byte(strings.Repeat("# comment\n", 80_000)), valid...), reason: v1alpha1.ReasonInvalidCABundle},
	} {
		for _, kind := range []v1alpha1.CABundleKind{v1alpha1.CABundleKindConfigMap, v1alpha1.CABundleKindSecret} {
			t.Run(name+" in a "+string(kind), func(t *testing.T) {
				e := newConfigEnv(t, referenceTo(kind))
				e.server.binary = c.binary
				if !c.absent {
					e.server.objects[string(kind)+"/corp-ca"] = map[string][]byte{"other": valid}
				}
				if c.value != nil {
					e.server.objects[string(kind)+"/corp-ca"]["ca.crt"] = c.value
				}
				if message := e.expectConfig(c.reason).ConfigError.Message; c.reason != "" && !strings.Contains(message, `the key "ca.crt" of the `+string(kind)+` "corp-ca"`) {
					t.Errorf("the message does not name the object and the key: %s", message)
				}
			})
		}
	}
}

// Without a client, no request can be sent. With one and an error, only removals are sent.
func TestCABundle_that_is_gone_is_used_for_removals(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(e *configEnv)
		sendsTo string // the endpoint of removals; empty if none are sent
	}{
		"without the object": {func(*configEnv) {}, "https://deepcall.example"},
		"without the key": {func(e *configEnv) {
			e.server.objects["ConfigMap/corp-ca"] = map[string][]byte{}
		}, "https://deepcall.example"},
		"without the permission": {func(e *configEnv) { e.server.failures["get ConfigMap"] = forbidden }, "https://deepcall.example"},
		"after an edit of the spec": {func(e *configEnv) {
			e.account.Generation, e.account.Spec.Endpoint = 2, "https://other.example"
		}, "https://other.example"},
		"but not if the reference changed":      {func(e *configEnv) { e.account.Generation, e.account.Spec.CABundleRef.Name = 2, "new-ca" }, ""},
		"but not if another key is referenced":  {func(e *configEnv) { e.account.Generation, e.account.Spec.CABundleRef.Key = 2, "tls.ca" }, ""},
		"but not if the account was replaced":   {func(e *configEnv) { e.account.UID = "2" }, ""},
		"but not if the new content is invalid": {func(e *configEnv) { e.set([]byte("none")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := newConfigEnv(t, referenceTo(v1alpha1.CABundleKindConfigMap))
			e.set(certificate(t))
			e.expectConfig("")
			delete(e.server.objects, "ConfigMap/corp-ca")
			e.account = e.account.DeepCopy()
			c.change(e)
			for range 2 { // a further reconcile changes nothing
				config := e.configure()
				if config.ConfigError.Reason == "" || config.ConfigError.Reason == v1alpha1.ReasonInvalidEndpoint {
					t.Errorf("got the error %+v", config.ConfigError)
				}
				if (config.Client != nil) != (c.sendsTo != "") || config.Client != nil && config.Endpoint != c.sendsTo {
					t.Errorf("got the client %v of %s, want %q", config.Client, config.Endpoint, c.sendsTo)
				}
			}
			health, _ := e.Dispatcher.Health(client.ObjectKeyFromObject(e.account))
			if health.Ready() || health.CanRemove != (c.sendsTo != "") {
				t.Errorf("got ready %v, can remove %v", health.Ready(), health.CanRemove)
			}
		})
	}
}

func TestCABundle_is_built_into_a_client_once_per_content(t *testing.T) {
	e := newConfigEnv(t, referenceTo(v1alpha1.CABundleKindConfigMap))
	first, second := certificate(t), append(certificate(t), "# another one\n"...)
	e.set(first)
	before := e.expectConfig("")
	if again := e.expectConfig(""); again.Client != before.Client {
		t.Error("the same content has another client")
	}
	e.set(second)
	if after := e.expectConfig(""); after.Client == before.Client {
		t.Error("other content has the same client")
	}
	e.set([]byte("none"))
	e.expectConfig(v1alpha1.ReasonInvalidCABundle)
	delete(e.server.objects, "ConfigMap/corp-ca")
	e.expectConfig(v1alpha1.ReasonCABundleNotFound)
	e.set(second)
	e.expectConfig("")
}

func TestCABundle_reads(t *testing.T) {
	configMap, secret := v1alpha1.CABundleKindConfigMap, v1alpha1.CABundleKindSecret
	unavailable := apierrors.NewServiceUnavailable("the API server is starting")
	for name, c := range map[string]struct {
		kind           v1alpha1.CABundleKind
		failures       map[string]error
		reason         string
		fails          bool
		lists, watches int
	}{
		"watch ConfigMaps once":                          {kind: configMap, lists: 1, watches: 1},
		"use the watch of Secrets":                       {kind: secret},
		"neither list nor watch without a reference":     {},
		"do not watch without the permission":            {configMap, map[string]error{"list ConfigMapList": forbidden}, v1alpha1.ReasonCABundleForbidden, false, 2, 0},
		"need the permission to get ConfigMaps":          {configMap, map[string]error{"get ConfigMap": forbidden}, v1alpha1.ReasonCABundleForbidden, false, 1, 1},
		"need the permission to get Secrets":             {secret, map[string]error{"get Secret": forbidden}, v1alpha1.ReasonCABundleForbidden, false, 0, 0},
		"are repeated if the API server is unavailable":  {configMap, map[string]error{"get ConfigMap": unavailable}, "", true, 1, 1},
		"are repeated if ConfigMaps can't be listed now": {configMap, map[string]error{"list ConfigMapList": unavailable}, "", true, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var ref v1alpha1.CABundleReference
			if c.kind != "" {
				ref = referenceTo(c.kind)
			}
			e := newConfigEnv(t, ref)
			bundle := map[string][]byte{"ca.crt": certificate(t)}
			maps.Copy(e.server.objects, map[string]map[string][]byte{"ConfigMap/corp-ca": bundle, "Secret/corp-ca": bundle})
			e.server.failures = c.failures
			for range 2 {
				config, err := e.loadConfig(t.Context(), e.account)
				if (err != nil) != c.fails || config.ConfigError.Reason != c.reason {
					t.Errorf("got %+v and the error %v", config.ConfigError, err)
				}
			}
			if e.server.lists != c.lists || e.watches != c.watches {
				t.Errorf("got %d lists and %d watches, want %d and %d", e.server.lists, e.watches, c.lists, c.watches)
			}
			e.server.failures = nil
			e.expectConfig("")
		})
	}
}

// When a watched namespace is deleted, the permissions in it are deleted, too. Accounts of the others must not wait for them.
func TestCABundle_without_the_permission_in_one_namespace(t *testing.T) {
	for namespace, reason := range map[string]string{"sales": "", "support": v1alpha1.ReasonCABundleForbidden} {
		e := newConfigEnv(t, referenceTo(v1alpha1.CABundleKindConfigMap))
		e.Tenancy = tenancy.New(nil, tenancy.Scope{Namespaces: []string{"sales", "support"}})
		e.set(certificate(t))
		e.server.failures["list ConfigMapList in "+namespace] = forbidden
		e.expectConfig(reason)
		if e.watches != 0 || !e.missesCABundle(e.account) {
			t.Errorf("%s: %d watches", namespace, e.watches)
		}
		e.server.failures = nil
		e.expectConfig("")
		if e.watches != 1 || e.missesCABundle(e.account) {
			t.Errorf("%s: %d watches with the permission", namespace, e.watches)
		}
	}
}

func TestReferences(t *testing.T) {
	e := newConfigEnv(t, v1alpha1.CABundleReference{})
	for _, c := range []struct {
		ref  v1alpha1.CABundleReference
		want []string
	}{
		{v1alpha1.CABundleReference{}, []string{"Secret/support/acme-deepcall"}},
		{referenceTo(v1alpha1.CABundleKindSecret), []string{"Secret/support/acme-deepcall", "Secret/support/corp-ca"}},
		{referenceTo(v1alpha1.CABundleKindConfigMap), []string{"Secret/support/acme-deepcall", "ConfigMap/support/corp-ca"}},
	} {
		e.account.Spec.CABundleRef = c.ref
		if got := references(e.account); !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
