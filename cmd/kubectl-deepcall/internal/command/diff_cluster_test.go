package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// serveSelectingAccount is an API server with an account in namespace support that selects namespaces by label, and a mapping of agent
// 7 in namespace default. Namespaces can't be listed, and only default and sales can be read.
func serveSelectingAccount(w http.ResponseWriter, r *http.Request) {
	respond := func(status int, object any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(object)
	}
	gv := v1alpha1.GroupVersion
	switch path := r.URL.Path; path {
	case "/api":
		respond(http.StatusOK, metav1.APIVersions{Versions: []string{"v1"}})
	case "/api/v1":
		respond(http.StatusOK, metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "namespaces", Kind: "Namespace"}}})
	case "/apis":
		version := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
		respond(http.StatusOK, metav1.APIGroupList{Groups: []metav1.APIGroup{{Name: gv.Group, Versions: []metav1.GroupVersionForDiscovery{version}}}})
	case "/apis/" + gv.String():
		respond(http.StatusOK, metav1.APIResourceList{GroupVersion: gv.String(), APIResources: []metav1.APIResource{
			{Name: mappingsResource, Kind: mappingKind.Kind, Namespaced: true}, {Name: accountsResource, Kind: accountKind.Kind, Namespaced: true},
		}})
	case "/apis/" + gv.String() + "/" + accountsResource:
		account := v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "acme", UID: "acme"}}
		account.Spec.Endpoint = "https://v4-api.deepcall.com"
		account.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From: v1alpha1.NamespacesFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "sales"}},
		}
		list := v1alpha1.DeepCallAccountList{Items: []v1alpha1.DeepCallAccount{account}}
		list.SetGroupVersionKind(gv.WithKind("DeepCallAccountList"))
		respond(http.StatusOK, list)
	case "/apis/" + gv.String() + "/" + mappingsResource:
		m := syncedMapping(7)
		m.Spec.AccountRef.Namespace = "support"
		list := v1alpha1.AgentGroupMappingList{Items: []v1alpha1.AgentGroupMapping{m}}
		list.SetGroupVersionKind(gv.WithKind("AgentGroupMappingList"))
		respond(http.StatusOK, list)
	case "/api/v1/namespaces/default", "/api/v1/namespaces/sales":
		name := strings.TrimPrefix(path, "/api/v1/namespaces/")
		namespace := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": name}}}
		namespace.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("Namespace"))
		namespace.APIVersion = "v1"
		respond(http.StatusOK, namespace)
	default:
		respond(http.StatusForbidden, metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden,
			Message: fmt.Sprintf("%s is forbidden", path),
		})
	}
}

func TestDiffReadsTheLabelsOfNamespacesThatCanNotBeListed(t *testing.T) {
	t.Setenv("KUBECACHEDIR", t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(serveSelectingAccount))
	defer server.Close()
	manifest := strings.Replace(manifestOf("sales 7 94=true"), "metadata: {", "metadata: {namespace: sales, ", 1)
	manifest = strings.Replace(manifest, "accountRef: {", "accountRef: {namespace: support, ", 1)
	got := execute(t, manifest, "diff", "-f", "-", "-s", server.URL)
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
	mapping := strings.Replace(manifestOf("m7 7 90=true 91=true 93=false"), "metadata: {", "metadata: {namespace: sales, ", 1)
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
