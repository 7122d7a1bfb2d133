package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// fakeCluster is an API server with mappings and accounts.
type fakeCluster struct {
	mappings []v1alpha1.AgentGroupMapping
	accounts []v1alpha1.DeepCallAccount
	// labels are those of the namespaces that can be read, but not listed.
	labels map[string]map[string]string
	// readable are the namespaces that the caller can read; nil if it can read all.
	readable []string
	// withoutCRDs is set if the operator isn't installed.
	withoutCRDs bool
	// unauthorized is set if the caller isn't logged in.
	unauthorized bool
}

// acmeIn returns the account acme of a namespace.
func acmeIn(namespace string) v1alpha1.DeepCallAccount {
	account := v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acme", UID: "acme"}}
	account.Spec.Endpoint = "https://v4-api.deepcall.com"
	account.Spec.CredentialsSecretRef.Name = "acme"
	return account
}

// start starts the server, and returns its URL.
func (c *fakeCluster) start(tb testing.TB) string {
	tb.Helper()
	server := httptest.NewServer(c)
	tb.Cleanup(server.Close)
	return server.URL
}

func (c *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	respond := func(status int, object any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(object)
	}
	deny := func(code int32, reason metav1.StatusReason) {
		kind := metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		respond(int(code), metav1.Status{TypeMeta: kind, Status: metav1.StatusFailure, Reason: reason, Code: code, Message: string(reason)})
	}
	gv := v1alpha1.GroupVersion
	rest, isOurs := strings.CutPrefix(r.URL.Path, "/apis/"+gv.String())
	namespace, resource := "", strings.TrimPrefix(rest, "/")
	if inNamespace, ok := strings.CutPrefix(rest, "/namespaces/"); ok {
		namespace, resource, _ = strings.Cut(inNamespace, "/")
	}
	labelled, isNamespace := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/")
	switch {
	case c.unauthorized:
		deny(http.StatusUnauthorized, metav1.StatusReasonUnauthorized)
	case r.URL.Path == "/api":
		respond(http.StatusOK, metav1.APIVersions{Versions: []string{"v1"}})
	case r.URL.Path == "/api/v1":
		respond(http.StatusOK, metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "secrets", Kind: "Secret", Namespaced: true}, {Name: "namespaces", Kind: "Namespace"},
		}})
	case isNamespace && c.labels[labelled] != nil:
		object := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: labelled, Labels: c.labels[labelled]}}
		object.APIVersion, object.Kind = "v1", "Namespace"
		respond(http.StatusOK, object)
	case r.URL.Path == "/apis" && c.withoutCRDs:
		respond(http.StatusOK, metav1.APIGroupList{Groups: []metav1.APIGroup{}})
	case r.URL.Path == "/apis":
		version := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
		respond(http.StatusOK, metav1.APIGroupList{Groups: []metav1.APIGroup{{Name: gv.Group, Versions: []metav1.GroupVersionForDiscovery{version}}}})
	case isOurs && resource == "":
		respond(http.StatusOK, metav1.APIResourceList{GroupVersion: gv.String(), APIResources: []metav1.APIResource{
			{Name: mappingsResource, Kind: mappingKind.Kind, Namespaced: true}, {Name: accountsResource, Kind: accountKind.Kind, Namespaced: true},
		}})
	case !isOurs || c.readable != nil && !slices.Contains(c.readable, namespace):
		deny(http.StatusForbidden, metav1.StatusReasonForbidden)
	case resource == mappingsResource:
		list := v1alpha1.AgentGroupMappingList{Items: []v1alpha1.AgentGroupMapping{}}
		for _, m := range c.mappings {
			if namespace == "" || namespace == m.Namespace {
				list.Items = append(list.Items, m)
			}
		}
		var from int
		_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &from)
		if next := from + chunkSize; next < len(list.Items) {
			list.Items, list.Continue = list.Items[:next], fmt.Sprint(next)
		}
		list.Items = list.Items[from:]
		list.SetGroupVersionKind(gv.WithKind("AgentGroupMappingList"))
		respond(http.StatusOK, list)
	case resource == accountsResource:
		list := v1alpha1.DeepCallAccountList{Items: []v1alpha1.DeepCallAccount{}}
		for _, a := range c.accounts {
			if namespace == "" || namespace == a.Namespace {
				list.Items = append(list.Items, a)
			}
		}
		list.SetGroupVersionKind(gv.WithKind("DeepCallAccountList"))
		respond(http.StatusOK, list)
	}
}
