package command

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestDiffReadsTheLabelsOfNamespacesThatCanNotBeListed(t *testing.T) {
	account, m := acmeIn("support"), syncedMapping(7)
	account.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
		From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "sales"}},
	}
	m.Spec.AccountRef.Namespace = "support"
	c := &fakeCluster{
		mappings: []v1alpha1.AgentGroupMapping{m}, accounts: []v1alpha1.DeepCallAccount{account},
		labels: map[string]map[string]string{"default": {"team": "default"}, "sales": {"team": "sales"}},
	}
	manifest := strings.Replace(inNamespace("sales", manifestOf("sales 7 94=true")), "accountRef: {", "accountRef: {namespace: support, ", 1)
	got := execute(t, manifest, "diff", "-f", "-", "-s", c.start(t))
	denied := "warning: account support/acme does not permit the namespace of mapping default/m7: nothing is sent for it."
	if got.status != 1 || !strings.Contains(got.out, denied) || strings.Contains(got.out, "mapping sales/sales") {
		t.Errorf("got status %d\n%s\n%s", got.status, got.out, got.err)
	}
}

func TestDiffPrunesTheNamespacesOfAllManifests(t *testing.T) {
	m := syncedMapping(7)
	m.Namespace, m.Labels = "support", map[string]string{"team": "x"}
	c := &fakeCluster{mappings: []v1alpha1.AgentGroupMapping{m}, accounts: []v1alpha1.DeepCallAccount{acmeIn("support")}}
	const (
		secret    = "apiVersion: v1\nkind: Secret\nmetadata: {name: acme, namespace: support, labels: {team: x}}\n"
		unknown   = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: acme, namespace: support, labels: {team: x}}\n"
		namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: support, namespace: support, labels: {team: x}}\n"
		account   = "apiVersion: telephony.deepcall.com/v1alpha1\nkind: DeepCallAccount\nmetadata: {name: acme, namespace: support, labels: {team: x}}\n" +
			"spec: {endpoint: \"https://v4-api.deepcall.com\", credentialsSecretRef: {name: acme}}\n"
	)
	for name, test := range map[string]struct {
		manifest string
		readable []string
		prunes   bool
	}{
		"of a Secret":                     {secret, nil, true},
		"of a Secret, and reads only one": {secret, []string{"support", "default"}, true},
		"of an unknown kind":              {unknown, nil, true},
		"of an account":                   {account, nil, true},
		"but not of cluster-scoped ones":  {namespace, nil, false},
		"but not others":                  {strings.ReplaceAll(secret, "support", "sales"), nil, false},
		"but not those of other labels":   {strings.ReplaceAll(secret, "team: x", "team: z"), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.readable = test.readable
			got := execute(t, test.manifest, "diff", "-f", "-", "--prune", "-l", "team=x", "-s", c.start(t))
			if prunes := got.status == 1 && strings.Contains(got.out, "mapping support/m7 is deleted"); prunes != test.prunes || got.status == 2 {
				t.Errorf("got status %d\n%s%s", got.status, got.out, got.err)
			}
		})
	}
}

func TestDiffNamesTheNamespacesThatItCanNotRead(t *testing.T) {
	m := syncedMapping(7)
	m.Namespace = "sales"
	c := &fakeCluster{mappings: []v1alpha1.AgentGroupMapping{m}, accounts: []v1alpha1.DeepCallAccount{acmeIn("sales")}}
	mapping := inNamespace("sales", manifestOf("m7 7 90=true 91=true 93=false"))
	metadata, _, _ := strings.Cut(mapping, "spec:")
	account := strings.Replace(metadata, mappingKind.Kind, accountKind.Kind, 1) +
		"spec: {endpoint: \"https://v4-api.deepcall.com\", credentialsSecretRef: {name: acme}}\n"
	const note = "note: You can't read the mappings or the accounts in these namespaces of the manifests: sales."
	for name, test := range map[string]struct {
		manifest string
		readable []string
		noted    bool
	}{
		"reads the mapping":          {mapping, []string{"default", "sales"}, false},
		"can't read the mapping":     {mapping, []string{"default"}, true},
		"can't read the account":     {account, []string{"default"}, true},
		"reads the selected one":     {manifestOf("asha 7 90=true"), []string{"default"}, false},
		"reads mappings of all":      {mapping, nil, false},
		"can't read what --prune is": {"apiVersion: v1\nkind: Secret\nmetadata: {name: acme, namespace: sales}\n", []string{"default"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.readable = test.readable
			got := execute(t, test.manifest, "diff", "-f", "-", "--prune", "-s", c.start(t))
			if strings.Contains(got.out, note) != test.noted || got.status == 2 {
				t.Errorf("got status %d\n%s%s", got.status, got.out, got.err)
			}
		})
	}
}
