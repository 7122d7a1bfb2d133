package controller_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// create creates an object, by default in the namespace of the environment.
func (e *testEnv) create(obj client.Object) {
	GinkgoHelper()
	if obj.GetNamespace() == "" {
		obj.SetNamespace(e.namespace)
	}
	Expect(e.client.Create(ctx, obj)).To(Succeed())
}

// createAndWait creates a mapping and waits until its conditions match the summary.
func (e *testEnv) createAndWait(builder *testenv.MappingBuilder, summary string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	mapping := builder.Build()
	e.create(mapping)
	return e.waitFor(mapping.Namespace+"/"+mapping.Name, summary)
}

func (e *testEnv) createSynced(builder *testenv.MappingBuilder) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	return e.createAndWait(builder, "Ready=True Synced")
}

// createAccount creates an account with valid credentials and waits until its status shows that the operator
// read it. A mapping that is reconciled earlier is briefly AccountNotFound.
func (e *testEnv) createAccount(builder *testenv.AccountBuilder) *v1alpha1.DeepCallAccount {
	GinkgoHelper()
	account := builder.Build()
	secret := testenv.UserToken(account.Name, "1001", "s3cr3t")
	secret.Namespace = account.Namespace
	e.create(secret)
	e.create(account)
	e.waitForAccount(account.Namespace+"/"+account.Name, "Ready=True Untried")
	return account
}

// createMappings creates n mappings of an account, each for its own agent.
func (e *testEnv) createMappings(account string, n int) {
	GinkgoHelper()
	for i := range n {
		name := fmt.Sprintf("%s-%d", account, i)
		e.create(testenv.Mapping(name).Account(account).Agent(name).Group("90", true).Build())
	}
}

func (e *testEnv) delete(obj client.Object) {
	GinkgoHelper()
	Expect(e.client.Delete(ctx, obj)).To(Succeed())
}

// deleteAndWait deletes an object and waits until it is gone.
func (e *testEnv) deleteAndWait(obj client.Object) {
	GinkgoHelper()
	e.delete(obj)
	e.waitForNotFound(client.ObjectKeyFromObject(obj), obj.DeepCopyObject().(client.Object))
}

// mapping reads a mapping of the environment's namespace, or of another one if name is "namespace/name".
func (e *testEnv) mapping(name string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	mapping := &v1alpha1.AgentGroupMapping{}
	Expect(e.client.Get(ctx, e.key(name), mapping)).To(Succeed())
	return mapping
}

func (e *testEnv) key(name string) client.ObjectKey {
	if namespace, name, found := strings.Cut(name, "/"); found {
		return client.ObjectKey{Namespace: namespace, Name: name}
	}
	return client.ObjectKey{Namespace: e.namespace, Name: name}
}

func (e *testEnv) mappings() []v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(e.client.List(ctx, &list, client.InNamespace(e.namespace))).To(Succeed())
	return list.Items
}

// countMappings counts the mappings of an account whose conditions match the summary.
func (e *testEnv) countMappings(account, summary string) int {
	GinkgoHelper()
	n := 0
	for _, mapping := range e.mappings() {
		if mapping.Spec.AccountRef.Name == account && summarize(&mapping) == summary {
			n++
		}
	}
	return n
}

func (e *testEnv) account(name string) *v1alpha1.DeepCallAccount {
	GinkgoHelper()
	account := &v1alpha1.DeepCallAccount{}
	Expect(k8sClient.Get(ctx, e.key(name), account)).To(Succeed())
	return account
}

// secret identifies the Secret of the account acme.
func (e *testEnv) secret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: "acme-deepcall"}}
}

// edit patches a mapping.
func (e *testEnv) edit(name string, change func(*v1alpha1.AgentGroupMapping)) {
	GinkgoHelper()
	mapping := e.mapping(name)
	base := mapping.DeepCopy()
	change(mapping)
	Expect(e.client.Patch(ctx, mapping, client.MergeFrom(base))).To(Succeed())
}

// editAndWait patches a mapping and waits until its conditions match the summary.
func (e *testEnv) editAndWait(name string, change func(*v1alpha1.AgentGroupMapping), summary string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	e.edit(name, change)
	return e.waitFor(name, summary)
}

func (e *testEnv) editSynced(name string, change func(*v1alpha1.AgentGroupMapping)) {
	GinkgoHelper()
	e.editAndWait(name, change, "Ready=True Synced")
}

func (e *testEnv) editAccount(name string, change func(*v1alpha1.DeepCallAccount)) {
	GinkgoHelper()
	account := e.account(name)
	base := account.DeepCopy()
	change(account)
	Expect(k8sClient.Patch(ctx, account, client.MergeFrom(base))).To(Succeed())
}

// updateSecret replaces the data of the Secret of the account acme.
func (e *testEnv) updateSecret(data map[string]string) {
	GinkgoHelper()
	secret := e.secret()
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
	secret.Data, secret.StringData = nil, data
	Expect(k8sClient.Update(ctx, secret)).To(Succeed())
}

// requestReconcile sets the annotation that requests a resync.
func (e *testEnv) requestReconcile(mapping, value string) {
	GinkgoHelper()
	e.edit(mapping, func(m *v1alpha1.AgentGroupMapping) {
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, value)
	})
}

// requestAndWait requests a resync and waits until it was handled.
func (e *testEnv) requestAndWait(mapping, value string) {
	GinkgoHelper()
	e.requestReconcile(mapping, value)
	e.waitForHandled(mapping, value)
}

// requestAccountReconcile sets the annotation that requests another attempt with an account.
func (e *testEnv) requestAccountReconcile(account, value string) {
	GinkgoHelper()
	e.editAccount(account, func(a *v1alpha1.DeepCallAccount) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, value)
	})
}

// waitFor waits until the conditions of a mapping's current generation match the summary, for example
// "Ready=False InvalidGroupData Stalled", and returns the mapping.
func (e *testEnv) waitFor(name, summary string) *v1alpha1.AgentGroupMapping {
	GinkgoHelper()
	Eventually(func() string { return summarize(e.mapping(name)) }).Should(Equal(summary))
	return e.mapping(name)
}

func (e *testEnv) waitForSynced(names ...string) {
	GinkgoHelper()
	for _, name := range names {
		e.waitFor(name, "Ready=True Synced")
	}
}

// waitForHandled waits until the operator handled the requested reconcile of a mapping.
func (e *testEnv) waitForHandled(name, value string) {
	GinkgoHelper()
	Eventually(func() string { return e.mapping(name).Status.LastHandledReconcileAt }).Should(Equal(value))
}

func (e *testEnv) waitForDeletion(names ...string) {
	GinkgoHelper()
	for _, name := range names {
		e.waitForNotFound(e.key(name), &v1alpha1.AgentGroupMapping{})
	}
}

func (e *testEnv) waitForAccount(name, summary string) {
	GinkgoHelper()
	Eventually(func() string { return summarize(e.account(name)) }).Should(Equal(summary))
}

func (e *testEnv) waitForAccountDeletion(name string) {
	GinkgoHelper()
	e.waitForNotFound(e.key(name), &v1alpha1.DeepCallAccount{})
}

func (e *testEnv) waitForNotFound(key client.ObjectKey, obj client.Object) {
	GinkgoHelper()
	Eventually(func() error { return k8sClient.Get(ctx, key, obj) }).Should(MatchError(ContainSubstring("not found")))
}

// waitForMappingCount waits until the status of the account acme shows the number of its mappings.
func (e *testEnv) waitForMappingCount(n int32) {
	GinkgoHelper()
	Eventually(func() int32 { return e.account("acme").Status.Mappings }).Should(Equal(n))
}

// These functions return the edit of a mapping.

func setGroups(groups ...v1alpha1.AgentGroup) func(*v1alpha1.AgentGroupMapping) {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = append([]v1alpha1.AgentGroup{}, groups...) }
}

func addGroup(id string) func(*v1alpha1.AgentGroupMapping) {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups = append(m.Spec.Groups, group(id, true)) }
}

func setSuspend(suspend bool) func(*v1alpha1.AgentGroupMapping) {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = suspend }
}

func setResyncInterval(interval time.Duration) func(*v1alpha1.AgentGroupMapping) {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.ResyncInterval.Duration = interval }
}

func setOrphan(m *v1alpha1.AgentGroupMapping) { m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan }

func group(id string, receiveCall bool) v1alpha1.AgentGroup {
	return v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receiveCall}
}
