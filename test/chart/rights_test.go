package chart

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// withoutStreamedLists has the manager list as it does with API servers that know no streamed lists.
const withoutStreamedLists = "KUBE_FEATURE_WatchListClient=false"

func TestTheManagerWorksAsReleasedAndUsesExactlyItsRights(t *testing.T) {
	for _, mode := range []struct {
		name, values string
		everywhere   bool
	}{
		{"for all namespaces", "{allowInsecureEndpoints: true, metrics: {readers: [{name: prometheus, namespace: sales}]}}", true},
		{"for one namespace, with Roles alone", "{allowInsecureEndpoints: true, watchNamespaces: [support], rbac: {aggregate: false}}", false},
	} {
		t.Run(mode.name, func(t *testing.T) {
			install(t, mode.values)
			established(t)
			used := rightsUsed(t)
			m := start(t)
			deepcall, remove := synced(t)
			t.Cleanup(remove)
			refusedOnce(t, deepcall)
			makeMapping(t, supportNamespace, "lost", "{accountRef: {name: nobody}, agentID: '9', groups: [{groupID: '90', receiveCall: true}]}", "AccountNotFound")
			if mode.everywhere {
				lendToSales(t)
				m.metricsAreForReaders(t)
			} else if status, text := get("http://"+m.metrics+"/metrics", ""); status != http.StatusOK || !strings.Contains(text, "\ncontroller_runtime_") {
				t.Errorf("got the metrics %d %.200s", status, text)
			}
			m.stop(t)
			if log := string(m.log.Contents()); strings.Contains(log, "forbidden") || !strings.Contains(log, `"level":"info"`) {
				t.Errorf("the manager lacks a right, or logs in another format:\n%s", log)
			}

			// What it asks for when a mapping is to be removed whose credentials are gone.
			secret := mustKubectl(t, "", "-n", supportNamespace, "get", "secret/acme-deepcall", "-o", "json")
			mustKubectl(t, "", "-n", supportNamespace, "delete", "secret/acme-deepcall")
			m = start(t, withoutStreamedLists)
			mustKubectl(t, "", "-n", supportNamespace, "delete", "agm/asha", "--wait=false")
			waitFor(t, supportNamespace, "asha", "AccountNotReady")
			mustKubectl(t, secret, "apply", "-f", "-")
			mustKubectl(t, "", "-n", supportNamespace, "wait", "agm/asha", "--for=delete", "--timeout=20s")
			if got := deepcall.Agent("7"); !maps.Equal(got, map[string]string{"90": "N"}) {
				t.Errorf("DeepCall has %v after the mapping is gone", got)
			}
			mustKubectl(t, "", "-n", supportNamespace, "delete", "dca/acme", "--timeout=20s")
			m.stop(t)

			granted, err := testenv.RightsGranted(t.Context(), admin, operatorNamespace, managerAccount)
			if err != nil {
				t.Fatal(err)
			}
			if superfluous, missing := testenv.CompareRights(granted, used()); len(superfluous)+len(missing) > 0 {
				t.Errorf("superfluous rights: %v\nrights that came from elsewhere: %v", superfluous, missing)
			}
			for _, right := range granted {
				if !mode.everywhere && right.Namespace != supportNamespace && right.Namespace != operatorNamespace {
					t.Errorf("a right outside of the namespaces: %s", right)
				}
			}
		})
	}
}

// rightsUsed begins to look at what the manager asks for, and returns what tells that.
func rightsUsed(t *testing.T) func() []testenv.Right {
	t.Helper()
	_, offset, err := testenv.ReadAudit(audited, 0)
	if err != nil {
		t.Fatal(err)
	}
	return func() []testenv.Right {
		t.Helper()
		used, err := testenv.RightsUsed(audited, offset, operatorNamespace, managerAccount)
		if err != nil {
			t.Fatal(err)
		}
		return used
	}
}

// refusedOnce has DeepCall refuse an edit of asha, which is then taken back.
func refusedOnce(t *testing.T, deepcall *deepcalltest.Server) {
	t.Helper()
	deepcall.Script(deepcalltest.Code(1505).ForAgent("7"))
	const patch = `{"spec":{"groups":[{"groupID":"90","receiveCall":%t}]}}`
	mustKubectl(t, "", "-n", supportNamespace, "patch", "agm/asha", "--type=merge", "-p", fmt.Sprintf(patch, false))
	waitFor(t, supportNamespace, "asha", "InvalidGroupData")
	mustKubectl(t, "", "-n", supportNamespace, "patch", "agm/asha", "--type=merge", "-p", fmt.Sprintf(patch, true))
	waitFor(t, supportNamespace, "asha", "Synced")
}

// lendToSales has the account of support be used from sales, for the sake of a label.
func lendToSales(t *testing.T) {
	t.Helper()
	mustKubectl(t, "", "label", "namespace", salesNamespace, "team=support", "--overwrite")
	mustKubectl(t, "", "-n", supportNamespace, "patch", "dca/acme", "--type=merge",
		"-p", `{"spec":{"allowedNamespaces":{"from":"Selector","selector":{"matchLabels":{"team":"support"}}}}}`)
	makeMapping(t, salesNamespace, "guest", "{accountRef: {name: acme, namespace: support}, agentID: '20', groups: [{groupID: '90', receiveCall: true}]}", "Synced")
	mustKubectl(t, "", "-n", salesNamespace, "delete", "agm/guest", "--timeout=20s")
}

// makeMapping makes a mapping, which is gone at the test's end, and waits until its condition has the reason.
func makeMapping(t *testing.T, namespace, name, spec, reason string) {
	t.Helper()
	t.Cleanup(func() { release(namespace, "agm/"+name) })
	mustKubectl(t, fmt.Sprintf("{apiVersion: telephony.deepcall.com/v1alpha1, kind: AgentGroupMapping, metadata: {name: %s}, spec: %s}", name, spec),
		"-n", namespace, "apply", "-f", "-")
	waitFor(t, namespace, name, reason)
}

func waitFor(t *testing.T, namespace, mapping, reason string) {
	t.Helper()
	mustKubectl(t, "", "-n", namespace, "wait", "agm/"+mapping, "--timeout=20s", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=`+reason)
}
