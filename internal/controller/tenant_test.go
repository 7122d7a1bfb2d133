package controller_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// tenant is the environment of a user with the rights of the role edit in a namespace of its own, as docs/security.md assumes.
type tenant struct{ testEnv }

// newTenant creates a tenant, whose namespace managers started afterwards watch.
func (e *testEnv) newTenant() *tenant {
	GinkgoHelper()
	t := &tenant{*e}
	t.namespace = e.createNamespace()
	file, err := os.ReadFile(filepath.Join(testenv.Root(), "config", "rbac", "editor_role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	roles, err := testenv.DecodeYAML[rbacv1.ClusterRole](bytes.NewReader(file))
	Expect(err).NotTo(HaveOccurred())
	secrets := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"*"}} // of the built-in role edit
	rules := append([]rbacv1.PolicyRule{secrets}, roles[0].Rules...)
	meta := metav1.ObjectMeta{Namespace: t.namespace, Name: "edit"}
	Expect(k8sClient.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules})).To(Succeed())
	Expect(k8sClient.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "edit"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: t.namespace}},
	})).To(Succeed())
	restConfig := rest.CopyConfig(controlPlane.Config)
	restConfig.Impersonate = rest.ImpersonationConfig{UserName: t.namespace}
	t.client, err = client.New(restConfig, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	// The authorizer learns of the role from a watch.
	Eventually(func() error {
		return t.client.List(ctx, &v1alpha1.AgentGroupMappingList{}, client.InNamespace(t.namespace))
	}).Should(Succeed())
	return t
}

// deleteAll deletes the tenant's mappings and waits until they are gone.
func (t *tenant) deleteAll() {
	GinkgoHelper()
	Expect(t.client.DeleteAllOf(ctx, &v1alpha1.AgentGroupMapping{}, client.InNamespace(t.namespace))).To(Succeed())
	Eventually(t.mappings).Should(BeEmpty())
}

var volatile = regexp.MustCompile(`"(lastTransitionTime|observedUID)":"[^"]*"`)

// visible returns everything that a tenant can read of the operator's decisions about a mapping: its status, finalizers and events.
func (t *tenant) visible(name string) string {
	GinkgoHelper()
	mapping := t.mapping(name)
	status, err := json.Marshal(mapping.Status)
	Expect(err).NotTo(HaveOccurred())
	lines := []string{volatile.ReplaceAllString(string(status), ""), strings.Join(mapping.Finalizers, " ")}
	return strings.Join(append(lines, t.events(name)...), "\n")
}

// numbered returns n names.
func numbered(name string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", name, i)
	}
	return names
}

// The tests of allowedNamespaces are in access_test.go. Here a tenant tries everything that it has the rights for.
var _ = Describe("a tenant without permission", func() {
	var (
		env    *testEnv
		tenant *tenant
		host   *v1alpha1.AgentGroupMapping
	)
	BeforeEach(func() {
		env = newEmptyTestEnv()
		tenant = env.newTenant()
		env.setup()
		host = env.createSynced(testenv.Mapping("mapping-of-the-host").Group(hostGroup, true))
		env.waitForAccount("acme", "Ready=True Usable")
		env.waitForMappingCount(1)
	})

	It("causes no request, and learns nothing from the statuses and events of its mappings", func() {
		account := env.account("acme")
		names := tenant.tryAll(env.namespace, tricks(host))
		env.expectRequests(1)
		for _, name := range names {
			for _, v := range variants {
				Eventually(tenant.visible).WithArguments(v.name(name)).Should(Equal(tenant.visible(variants[0].name(name))), v.name(name))
				for _, secret := range []string{string(host.UID), host.Name, hostGroup, env.url} {
					Expect(tenant.visible(v.name(name))).NotTo(ContainSubstring(secret))
				}
			}
		}
		Expect(env.mapping(host.Name).ResourceVersion).To(Equal(host.ResourceVersion))
		Expect(env.account("acme").ResourceVersion).To(Equal(account.ResourceVersion))

		By("deleting all of them")
		tenant.deleteAll()
		env.expectRequests(1)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{hostGroup: "Y"}))
	})

	It("does not delay the deletion of an account and its mappings", func() {
		tenant.tryAll(env.namespace, tricks(host))
		env.delete(env.account("acme"))
		env.deleteAndWait(host)
		env.waitForAccountDeletion("acme")
		env.expectRequests(2)
		tenant.deleteAll()
	})

	It("can delete its namespace", func() {
		tenant.tryAll(env.namespace, tricks(host))
		env.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant.namespace}})
		tenant.deleteAll()
		env.expectRequests(1)
	})

	It("learns nothing from the creation, the failure and the deletion of the account", func() {
		versions := func() []string {
			var versions []string
			for _, mapping := range tenant.mappings() {
				versions = append(versions, mapping.Name+" "+mapping.ResourceVersion)
			}
			return versions
		}
		tenant.tryAll(env.namespace, tricks(host))
		before := versions()
		env.create(testenv.UserToken("missing", "1001", "wrong"))
		env.create(testenv.Account("missing", env.url).Build())
		env.create(testenv.Mapping("of-the-host-too").Account("missing").Group("90", true).Build())
		env.waitForAccount("missing", "Ready=False InvalidToken Stalled")
		env.delete(env.account("acme"))
		env.delete(host)
		env.waitForAccountDeletion("acme")
		Consistently(versions).Should(Equal(before))
	})

	It("does not cause a conflict for a mapping whose account is missing", func() {
		tenant.createAndWait(testenv.Mapping("older").AccountIn(env.namespace, "missing").Group("90", true), notPermitted)
		env.createAndWait(testenv.Mapping("younger").Account("missing").Group("90", true), "Ready=False AccountNotFound Reconciling")
	})

	It("cannot write a status, and a copied status counts as none", func() {
		restored := testenv.Mapping("copy").AccountIn(env.namespace, "acme").Group(hostGroup, true).Build()
		restored.Status, restored.CreationTimestamp = host.Status, metav1.Unix(1, 0)
		tenant.create(restored)
		Expect(restored.Status.ObservedUID).To(BeEmpty())
		Expect(restored.CreationTimestamp.Time).To(BeTemporally(">", host.CreationTimestamp.Time.Add(-1)))
		restored = tenant.waitFor("copy", notPermitted)
		restored.Status = host.Status
		Expect(apierrors.IsForbidden(tenant.client.Status().Update(ctx, restored))).To(BeTrue())

		By("granting the right to write statuses")
		Expect(k8sClient.Status().Update(ctx, restored)).To(Succeed())
		tenant.waitFor("copy", notPermitted)
		Expect(tenant.mapping("copy").Status.AppliedGroups).To(BeEmpty())
		tenant.deleteAll()
		env.expectRequests(1)
	})

	It("uses only its own Secret and its own account with an account of the same name and endpoint", func() {
		Expect(apierrors.IsForbidden(tenant.client.Create(ctx, testenv.Account("theirs", env.url).In(env.namespace).Build()))).To(BeTrue())
		tenant.create(testenv.Account("acme", env.url).Build())
		tenant.createAndWait(testenv.Mapping("asha").Group(hostGroup, false), "Ready=False AccountNotReady Reconciling")
		env.expectRequests(1)

		tenant.create(testenv.UserToken("acme", "1001", "guessed"))
		tenant.waitForAccount("acme", "Ready=False InvalidToken Stalled")
		env.editSynced(host.Name, setGroups(group(hostGroup, true), group("90", true)))
		env.waitForAccount("acme", "Ready=True Usable")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{hostGroup: "Y", "90": "Y"}))
	})

	It("delays a request for the agent by few writes, however many mappings it has", func() {
		env.stop()
		for _, name := range numbered("guest", 100) {
			tenant.create(testenv.Mapping(name).AccountIn(env.namespace, "acme").Group(hostGroup, true).Build())
		}
		env.edit(host.Name, setGroups(group(hostGroup, false)))
		env.deepcall.Script(deepcalltest.Hang())
		before := env.transport.mappingWrites()
		env.start()
		env.waitForHanging()
		Expect(env.transport.mappingWrites() - before).To(BeNumerically("<=", 20))
		env.deepcall.Release()
		env.waitForSynced(host.Name)
		for _, name := range numbered("guest", 100) {
			tenant.waitFor(name, notPermitted)
		}
		env.expectRequests(2)
	})

	It("causes few reads by another mapping, however many mappings of a missing account it has", func() {
		names := numbered("guest", 100)
		for _, name := range names {
			tenant.create(testenv.Mapping(name).Agent(name).AccountIn(env.namespace, "missing").Group(hostGroup, true).Build())
		}
		for _, name := range names {
			tenant.waitFor(name, notPermitted)
		}
		reads := func() int { return env.transport.readsOf("/deepcallaccounts/missing") }
		before := 0
		Eventually(func() (isQuiet bool) {
			isQuiet = reads() == before
			before = reads()
			return isQuiet
		}).WithPolling(time.Second).Should(BeTrue())
		tenant.createAndWait(testenv.Mapping("one-more").AccountIn(env.namespace, "missing").Group(hostGroup, true), notPermitted)
		Consistently(func() int { return reads() - before }).Should(BeNumerically("<", 10))
	})

	It("causes no read of its namespace by deleting mappings of a missing account", func() {
		for _, name := range numbered("guest", 20) {
			mapping := testenv.Mapping(name).AccountIn(env.namespace, "missing").Group(hostGroup, true).Build()
			mapping.Finalizers = []string{v1alpha1.StopCallsFinalizer}
			tenant.create(mapping)
		}
		tenant.deleteAll()
		Expect(env.transport.readsOf("/namespaces/" + tenant.namespace)).To(BeZero())
	})
})
