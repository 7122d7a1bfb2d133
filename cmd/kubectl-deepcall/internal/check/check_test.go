package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// expect expects one result with this state, whose message and remedy contain the texts.
func expect(t *testing.T, results []Result, state State, message, remedy string) {
	t.Helper()
	if len(results) != 1 || results[0].State != state || !strings.Contains(results[0].Message, message) ||
		!strings.Contains(results[0].Remedy, remedy) || (results[0].Remedy == "") != (remedy == "") {
		t.Errorf("got %+v, want %s %q with the remedy %q", results, state, message, remedy)
	}
}

func TestServer(t *testing.T) {
	expect(t, []Result{Server("v1.37.2")}, OK, "v1.37.2", "")
	expect(t, []Result{Server("v1.32.0-eks-1")}, OK, "v1.32.0-eks-1", "")
	expect(t, []Result{Server("v1.31.9")}, Error, "v1.31.9 is not supported", "upgrades Kubernetes to 1.32 or newer")
	expect(t, []Result{Server("main")}, Warning, `the version "main" can't be read`, "")
}

func TestSkew(t *testing.T) {
	expect(t, []Result{Skew("v0.2.0", "v0.1.7")}, OK, "v0.2.0, operator v0.1.7", "")
	expect(t, []Result{Skew("v0.2.0", "v0.4.0")}, Warning, "more than one minor release apart", "Install the plugin of the operator's release.")
	expect(t, []Result{Skew("v1.2.0", "v0.2.0")}, Warning, "more than one minor release apart", "Install the plugin")
	expect(t, []Result{Skew("unknown", "v0.2.0")}, NotChecked, "a version that is no release can't be compared", "")
	expect(t, []Result{Skew("v0.0.0-20261201045156-05b321edf645+dirty", "v0.1.0")}, NotChecked, "a version that is no release can't be compared", "")
	expect(t, []Result{Skew("v0.2.0", "")}, NotChecked, "v0.2.0, operator unknown", "")
}

func deployment(ready int32) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "operator", Labels: map[string]string{"app.kubernetes.io/version": "0.1.0"}}}
	d.Spec.Replicas = ptr.To(int32(2))
	d.Spec.Template.Spec.ServiceAccountName = "manager"
	d.Spec.Template.Spec.Containers = []corev1.Container{
		{Name: "sidecar", Image: "example.com/sidecar:v9"},
		{Name: "manager", Image: "ghcr.io/deepcall/deepcall-operator:v0.1.0", Args: []string{"--leader-elect"}},
	}
	d.Status.ReadyReplicas, d.Status.UpdatedReplicas = ready, ready
	return d
}

func TestDeployment(t *testing.T) {
	stopped, outdated := deployment(0), deployment(2)
	stopped.Spec.Replicas = ptr.To(int32(0))
	outdated.Status.UpdatedReplicas = 1
	expect(t, []Result{Deployment(deployment(2))}, OK, "v0.1.0, 2 of 2 replicas ready", "")
	expect(t, []Result{Deployment(deployment(1))}, Warning, "1 of 2 replicas ready", "kubectl logs deployment/operator -n ops")
	expect(t, []Result{Deployment(outdated)}, Warning, "2 of 2 replicas ready, 1 updated", "kubectl describe pods -n ops")
	expect(t, []Result{Deployment(deployment(0))}, Error, "0 of 2 replicas ready", "kubectl describe pods -n ops")
	expect(t, []Result{Deployment(stopped)}, Error, "scaled to 0 replicas", "kubectl scale deployment/operator -n ops --replicas=1")
	expect(t, []Result{NoDeployment("in namespace ops")}, Warning, "no Deployment with the label app.kubernetes.io/name=deepcall-operator in namespace ops", "installs the operator")
}

func TestVersionOf(t *testing.T) {
	for image, want := range map[string]string{
		"ghcr.io/deepcall/deepcall-operator:v0.1.0": "v0.1.0", "localhost:5000/operator": "", "operator@sha256:abc": "", "operator:v1@sha256:abc": "v1",
	} {
		if got := versionOf(nil, image); got != want {
			t.Errorf("%s: got %q, want %q", image, got, want)
		}
	}
	if got := versionOf(map[string]string{"app.kubernetes.io/version": "0.1.0"}, "operator:latest"); got != "v0.1.0" {
		t.Errorf("with a label: got %q", got)
	}
}

func TestOperatorRights(t *testing.T) {
	for _, c := range []struct {
		name, argument string
		env            []corev1.EnvVar
		want           []string
		unknown        bool
	}{
		{name: "watches all namespaces by default"},
		{name: "watches listed namespaces", argument: "--watch-namespaces=support,sales", want: []string{"support", "sales"}},
		{
			name: "watches the namespaces of a variable", argument: "--watch-namespaces=$(WATCH_NAMESPACES)",
			env: []corev1.EnvVar{{Name: "WATCH_NAMESPACES", Value: "support"}}, want: []string{"support"},
		},
		{
			name: "watches its own namespace", argument: "--watch-namespaces=$(WATCH_NAMESPACES)", want: []string{"ops"},
			env: []corev1.EnvVar{{Name: "WATCH_NAMESPACES", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}},
		},
		{
			name: "can watch namespaces that it does not state", argument: "--watch-namespaces=$(WATCH_NAMESPACES)", unknown: true, want: []string{"$(WATCH_NAMESPACES)"},
			env: []corev1.EnvVar{{Name: "WATCH_NAMESPACES", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{Key: "n"}}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := deployment(2)
			manager := &d.Spec.Template.Spec.Containers[1]
			manager.Args, manager.Env = append(manager.Args, c.argument), c.env
			o := NewOperator(d)
			if !slices.Equal(o.Watched, c.want) || o.UnknownWatched != c.unknown || o.ServiceAccount != "manager" || o.Version != "v0.1.0" {
				t.Errorf("got %+v", o)
			}
		})
	}

	o := Operator{Namespace: "ops", Name: "operator", ServiceAccount: "manager", Watched: []string{"support", "sales"}}
	expect(t, o.MissingRights(nil), OK, "reads sales, support", "")
	expect(t, Operator{Namespace: "ops"}.MissingRights(nil), OK, "reads all namespaces", "")
	expect(t, o.MissingRights(o.Rights()[3:5]), Error, "ServiceAccount ops/manager can't list agentgroupmappings, deepcallaccounts", "binds the operator's Role there")
	if got := o.MissingRights(o.Rights()[3:5])[0].Object; got != "sales" {
		t.Errorf("got the object %s", got)
	}
}

func lease(namespace, name, holder string, age time.Duration) coordinationv1.Lease {
	l := coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds = &holder, ptr.To(int32(25))
	l.Spec.RenewTime = &metav1.MicroTime{Time: noon.Add(-age)}
	return l
}

func TestLeaders(t *testing.T) {
	live := lease("ops", LeaseName, "pod-1", 3*time.Second)
	node := lease("kube-node-lease", "node-1", "node-1", 0)
	expect(t, Leaders([]coordinationv1.Lease{node, live}, noon), OK, "pod-1, renewed 3s ago", "")
	expect(t, Leaders([]coordinationv1.Lease{lease("ops", LeaseName, "pod-1", time.Minute)}, noon), Error, "pod-1, renewed 60s ago: the lease has expired", "checks that the operator runs")
	expect(t, Leaders([]coordinationv1.Lease{lease("ops", LeaseName, "", 0)}, noon), Error, "no process holds the lease", "checks that the operator runs")
	expect(t, Leaders([]coordinationv1.Lease{node}, noon), Warning, "there is no lease", "Without --leader-elect")
	bySelector := lease("other", LeaseName+"-0a1b2c3d", "pod-3", 0)
	if got := Leaders([]coordinationv1.Lease{live, bySelector}, noon); len(got) != 2 || HasError(got) {
		t.Errorf("with another selector: got %+v", got)
	}
	if got := Leaders([]coordinationv1.Lease{live, lease("other", LeaseName, "pod-2", 0)}, noon); len(got) != 3 ||
		got[2].State != Warning || got[2].Message != "2 operators have a leader" {
		t.Errorf("with a second operator: got %+v", got)
	}
}

func TestCRDs(t *testing.T) {
	expect(t, []Result{Served([]string{"deepcallaccounts", "agentgroupmappings"})}, OK, "both kinds are served as telephony.deepcall.com/v1alpha1", "")
	expect(t, []Result{Served([]string{"deepcallaccounts"})}, Error, "does not serve agentgroupmappings", "kubectl apply --server-side -f config/crd/bases")
	older, newer := knownFields(), knownFields()
	delete(older, "DeepCallAccount.spec.caBundleRef")
	newer["AgentGroupMapping.spec.skills"] = true
	expect(t, []Result{Schema(knownFields())}, OK, "the fields are those of this plugin", "")
	expect(t, []Result{Schema(older)}, Warning, "the CRDs are older than this plugin: they lack DeepCallAccount.spec.caBundleRef", "applies the CRDs")
	expect(t, []Result{Schema(newer)}, Warning, "which does not know AgentGroupMapping.spec.skills", "Install the plugin")
	expect(t, []Result{Definition(CRD{Name: "a", Stored: []string{"v1alpha1"}, Version: "0.1.0"})}, OK, "0.1.0, stored as v1alpha1", "")
	expect(t, []Result{Definition(CRD{Name: "a", Problem: "Established is False: no"})}, Error, "Established is False: no", "applies the CRDs")
}

func TestAccounts(t *testing.T) {
	account := func(why string) v1alpha1.DeepCallAccount {
		a := testenv.Account("acme", "https://v4-api.deepcall.com").In("support").Build()
		a.CreationTimestamp, a.Generation = metav1.NewTime(noon.Add(-time.Hour)), 1
		if why != "" {
			entry, _ := reason.Lookup(why)
			a.Status.ObservedGeneration = 1
			reason.SetConditions(&a.Status.Conditions, reason.Summary{Reason: why, Message: entry.Message}, 1, noon)
		}
		return *a
	}
	created := account("")
	created.CreationTimestamp = metav1.NewTime(noon)
	duplicate := account(v1alpha1.ReasonUsable)
	duplicate.Status.Conditions = append(duplicate.Status.Conditions,
		metav1.Condition{Type: v1alpha1.ConditionDuplicate, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDuplicateAccount, Message: "This account shares"})
	list := func(accounts ...v1alpha1.DeepCallAccount) []v1alpha1.DeepCallAccount { return accounts }
	expect(t, Accounts(nil, noon), OK, "there are none", "")
	expect(t, Accounts(list(account(v1alpha1.ReasonUsable)), noon), OK, "Usable: DeepCall accepts the account's requests", "")
	expect(t, Accounts(list(created), noon), OK, "the operator has not acted on the latest change yet", "")
	expect(t, Accounts(list(account("")), noon), Error, "no operator has acted on the account", "that it watches this namespace")
	expect(t, Accounts(list(account("InvalidToken")), noon), Error, "InvalidToken: DeepCall error 1014", "puts a new token into the Secret")
	expect(t, Accounts(list(account(v1alpha1.ReasonUnreachable)), noon), Warning, "Unreachable: ", "checks the network path")
	expect(t, Accounts(list(account(v1alpha1.ReasonNamespaceUnreadable)), noon), Error, "NamespaceUnreadable: ", "deepcall_namespaces_unreadable")
	expect(t, Accounts(list(duplicate), noon)[1:], Warning, "DuplicateAccount: This account shares", "moves all mappings to one account")
}

func TestMappings(t *testing.T) {
	mapping := func(name, why string, age time.Duration) *v1alpha1.AgentGroupMapping {
		m := testenv.Mapping(name).In("support").Build()
		m.CreationTimestamp, m.Generation = metav1.NewTime(noon.Add(-age)), 1
		if why != "" {
			m.Status.ObservedGeneration = 1
			reason.SetConditions(&m.Status.Conditions, reason.Summary{Reason: why}, 1, noon)
		}
		return m
	}
	list := func(mappings ...*v1alpha1.AgentGroupMapping) []*v1alpha1.AgentGroupMapping { return mappings }
	synced := mapping("asha", v1alpha1.ReasonSynced, time.Hour)
	expect(t, Mappings(nil, noon), OK, "0 of 0 mappings Ready", "")
	expect(t, Mappings(list(synced), noon), OK, "1 of 1 mapping Ready", "")
	expect(t, Mappings(list(mapping("ben", "", time.Second)), noon)[1:], OK, "Pending: 1 mapping: support/ben", "")
	deleted := mapping("ben", "", time.Second)
	deleted.DeletionTimestamp = &metav1.Time{Time: noon}
	expect(t, Mappings(list(deleted), noon)[1:], OK, "Deleting: 1 mapping: support/ben", "")
	expect(t, Mappings(list(mapping("ben", v1alpha1.ReasonSuspended, time.Hour)), noon)[1:], OK, "Suspended: 1 mapping: support/ben", "")
	expect(t, Mappings(list(mapping("ben", "", time.Hour)), noon)[1:], Error, "no operator has acted on 1 mapping", "that it watches this namespace")
	var rejected []*v1alpha1.AgentGroupMapping
	for _, name := range []string{"d", "c", "b", "a"} {
		rejected = append(rejected, mapping(name, "InvalidGroupData", time.Hour))
	}
	expect(t, Mappings(append(rejected, synced), noon)[1:], Warning, "InvalidGroupData: 4 mappings: support/a, support/b, support/c and 1 more", "corrects spec.groups")
}

func TestCaller(t *testing.T) {
	expect(t, []Result{Caller(Access{Namespace: "support"})}, OK, "you can read and change mappings and accounts in namespace support", "")
	expect(t, []Result{Caller(Access{Changes: []string{"patch agentgroupmappings"}})}, OK, "in all namespaces, but can't patch agentgroupmappings: that needs the role edit", "")
	expect(t, []Result{Caller(Access{Reads: []string{"list deepcallaccounts"}})}, Error, "you can't list deepcallaccounts in all namespaces", "binds the role view")
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	results := []Result{
		Server("v1.37.2"), Forbidden("leader", "list leases in namespace ops"),
		{Check: "account", Object: "support/acme", State: Error, Message: "InvalidToken:\x1b[2J no", Remedy: "Fix it."},
	}
	if err := Print(&out, results); err != nil {
		t.Fatal(err)
	}
	want := `ok            Kubernetes             v1.37.2
not checked   leader                 needs the right to list leases in namespace ops
error         account support/acme   InvalidToken:[2J no
                                     -> Fix it.
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
	if document := NewDocument(results); document.OK || len(document.Checks) != 3 {
		t.Errorf("got %+v", document)
	}
}
