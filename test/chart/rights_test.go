package chart

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// withoutStreamedLists makes the manager use list requests, as with API servers that don't support streaming lists.
const withoutStreamedLists = "KUBE_FEATURE_WatchListClient=false"

func TestManagerUsesExactlyItsRights(t *testing.T) {
	for _, mode := range []struct {
		name, values string
		clusterWide  bool
	}{
		{"for all namespaces", "{allowInsecureEndpoints: true, policies: {enabled: true}, metrics: {readers: [{name: prometheus, namespace: sales}], serviceMonitor: {enabled: true}}}", true},
		{"for one namespace, without ClusterRoles", "{allowInsecureEndpoints: true, policies: {enabled: true}, watchNamespaces: [support], rbac: {aggregate: false}}", false},
	} {
		t.Run(mode.name, func(t *testing.T) {
			install(t, mode.values)
			waitForCRDs(t)
			waitForPolicies(t, supportNamespace) // they must not block the manager
			used := rightsUsed(t)
			m := start(t)
			deepcall, remove := createSyncedMapping(t)
			t.Cleanup(remove)
			rejectAnEdit(t, deepcall)
			referenceCABundle(t)
			createMapping(t, supportNamespace, "lost", "{accountRef: {name: missing}, agentID: '9', groups: [{groupID: '90', receiveCall: true}]}", "AccountNotFound")
			if mode.clusterWide {
				useFromOtherNamespace(t)
				m.expectAuthorizedMetrics(t)
			} else if status, text := get("http://"+m.metrics+"/metrics", ""); status != http.StatusOK || !strings.Contains(text, "\ncontroller_runtime_") {
				t.Errorf("got the metrics %d %.200s", status, text)
			}
			m.stop(t)
			NewWithT(t).Expect(string(m.log.Contents())).To(And(Not(ContainSubstring("forbidden")), ContainSubstring(`"level":"info"`)))

			// Delete a mapping whose credentials are gone.
			secret := mustKubectl(t, "", "-n", supportNamespace, "get", "secret/acme-deepcall", "-o", "json")
			mustKubectl(t, "", "-n", supportNamespace, "delete", "secret/acme-deepcall")
			m = start(t, withoutStreamedLists)
			mustKubectl(t, "", "-n", supportNamespace, "delete", "agm/asha", "--wait=false")
			waitForReason(t, supportNamespace, "agm/asha", "AccountNotReady")
			mustKubectl(t, secret, "apply", "-f", "-")
			mustKubectl(t, "", "-n", supportNamespace, "wait", "agm/asha", "--for=delete", "--timeout=20s")
			NewWithT(t).Expect(deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
			mustKubectl(t, "", "-n", supportNamespace, "wait", "dca/acme", "--for=jsonpath={.status.mappings}=0", "--timeout=20s")
			mustKubectl(t, "", "-n", supportNamespace, "delete", "dca/acme", "--timeout=20s")
			m.stop(t)

			granted, err := testenv.RightsGranted(t.Context(), admin, operatorNamespace, managerAccount)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			if superfluous, missing := testenv.CompareRights(granted, used()); len(superfluous)+len(missing) > 0 {
				t.Errorf("unused rights: %v\nrights that are not granted: %v", superfluous, missing)
			}
			for _, right := range granted {
				if !mode.clusterWide && right.Namespace != supportNamespace && right.Namespace != operatorNamespace {
					t.Errorf("right in another namespace: %s", right)
				}
			}
		})
	}
}

// rightsUsed returns a function that returns the rights that the manager used since the call of rightsUsed.
func rightsUsed(t *testing.T) func() []testenv.Right {
	t.Helper()
	_, offset, err := testenv.ReadAudit(auditLog, 0)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return func() []testenv.Right {
		t.Helper()
		used, err := testenv.RightsUsed(auditLog, offset, operatorNamespace, managerAccount)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return used
	}
}

// rejectAnEdit makes DeepCall reject an edit of asha, and reverts the edit.
func rejectAnEdit(t *testing.T, deepcall *deepcalltest.Server) {
	t.Helper()
	deepcall.Script(deepcalltest.Code(1505).ForAgent("7"))
	const patch = `{"spec":{"groups":[{"groupID":"90","receiveCall":%t}]}}`
	mustKubectl(t, "", "-n", supportNamespace, "patch", "agm/asha", "--type=merge", "-p", fmt.Sprintf(patch, false))
	waitForReason(t, supportNamespace, "agm/asha", "InvalidGroupData")
	mustKubectl(t, "", "-n", supportNamespace, "patch", "agm/asha", "--type=merge", "-p", fmt.Sprintf(patch, true))
	waitForReason(t, supportNamespace, "agm/asha", "Synced")
}

// referenceCABundle lets the account use a CA bundle in a ConfigMap.
func referenceCABundle(t *testing.T) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	mustKubectl(t, "", "-n", supportNamespace, "patch", "dca/acme", "--type=merge", "-p", `{"spec":{"caBundleRef":{"kind":"ConfigMap","name":"corp-ca"}}}`)
	waitForReason(t, supportNamespace, "dca/acme", "CABundleNotFound")
	t.Cleanup(func() { mustKubectl(t, "", "-n", supportNamespace, "delete", "configmap/corp-ca") })
	mustKubectl(t, "", "-n", supportNamespace, "create", "configmap", "corp-ca", "--from-literal=ca.crt="+string(bundle))
	waitForReason(t, supportNamespace, "dca/acme", "Usable")
}

// useFromOtherNamespace allows namespaces with a label to use the account, and creates a mapping in such a namespace.
func useFromOtherNamespace(t *testing.T) {
	t.Helper()
	mustKubectl(t, "", "label", "namespace", salesNamespace, "team=support", "--overwrite")
	mustKubectl(t, "", "-n", supportNamespace, "patch", "dca/acme", "--type=merge",
		"-p", `{"spec":{"allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"team":"support"}}}}}`)
	createMapping(t, salesNamespace, "guest", "{accountRef: {name: acme, namespace: support}, agentID: '20', groups: [{groupID: '90', receiveCall: true}]}", "Synced")
	mustKubectl(t, "", "-n", salesNamespace, "delete", "agm/guest", "--timeout=20s")
}

// createMapping creates a mapping until the test ends, and waits until its condition Ready has the reason.
func createMapping(t *testing.T, namespace, name, spec, reason string) {
	t.Helper()
	t.Cleanup(func() { forceDelete(namespace, "agm/"+name) })
	mustKubectl(t, fmt.Sprintf("{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: %s}, spec: %s}", name, spec),
		"-n", namespace, "apply", "-f", "-")
	waitForReason(t, namespace, "agm/"+name, reason)
}

// waitForReason waits until the condition Ready of an object has the reason.
func waitForReason(t *testing.T, namespace, object, reason string) {
	t.Helper()
	mustKubectl(t, "", "-n", namespace, "wait", object, "--timeout=20s", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=`+reason)
}
