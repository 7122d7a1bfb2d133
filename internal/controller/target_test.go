package controller_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// acceptTwoUsers makes DeepCall accept the users 1001, also with a session, and 1002.
func (e *testEnv) acceptTwoUsers() {
	e.deepcall.SetAccounts(
		deepcalltest.Account{UserID: "1001", Token: "s3cr3t", Sessions: []string{"s3ss10n"}},
		deepcalltest.Account{UserID: "1002", Token: "other"},
	)
}

// sent returns the user and the groups of all requests.
func (e *testEnv) sent() []string {
	var sent []string
	for _, request := range e.requests() {
		sent = append(sent, fmt.Sprint(request.UserID, " ", request.Groups))
	}
	return sent
}

var (
	firstUser  = map[string]string{"userId": "1001", "token": "s3cr3t"}
	secondUser = map[string]string{"userId": "1002", "token": "other"}
)

var _ = Describe("R8: another user", func() {
	It("gets all groups, of all mappings, without an edit", func() {
		env := newTestEnv()
		env.acceptTwoUsers()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		other := env.createSynced(testenv.Mapping("other").Group("91", false))
		env.updateSecret(secondUser)
		env.expectRequests(4)
		Expect(env.sent()[2:]).To(Equal([]string{"1002 map[90:Y]", "1002 map[90:Y 91:N]"}))
		env.waitForSynced("asha", "other")
		hash := env.mapping("other").Status.AppliedUserHash
		Expect(hash).NotTo(BeEmpty())
		Expect(hash).NotTo(Equal(other.Status.AppliedUserHash))
		env.waitForAccount("acme", "Ready=True Usable")
		env.stop()
		before := env.transport.totalWrites()
		env.start()
		env.expectRequests(4)
		Expect(env.transport.totalWrites()).To(Equal(before))
	})

	It("gets them after a restart if the Secret changed while the operator was down", func() {
		env := newTestEnv()
		env.acceptTwoUsers()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.stop()
		env.updateSecret(secondUser)
		env.start()
		env.expectRequests(2)
		Expect(env.sent()[1]).To(Equal("1002 map[90:Y]"))
	})

	It("is not another token, a session, or a missing or invalid Secret", func() {
		env := newTestEnv()
		env.acceptTwoUsers()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.deepcall.RotateToken("1001", "n3w")
		env.updateSecret(map[string]string{"userId": "1001", "token": "n3w"})
		env.waitForAccount("acme", "Ready=True Untried")
		env.updateSecret(map[string]string{"userId": "1002"})
		env.waitForAccount("acme", "Ready=False InvalidCredentials Stalled")
		env.updateSecret(map[string]string{"ssid": "s3ss10n"})
		env.waitForAccount("acme", "Ready=True Untried")
		env.delete(env.secret())
		env.waitForAccount("acme", "Ready=False SecretNotFound Reconciling")
		env.restart()
		env.waitForSynced("asha")
		env.create(testenv.UserToken("acme", "1001", "n3w"))
		env.waitForAccount("acme", "Ready=True Untried")
		env.expectRequests(1)
	})

	It("is not known after an upgrade, which makes no request and no write, and is recorded with the next write", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.waitForAccount("acme", "Ready=True Usable")
		env.waitForMappingCount(1)
		env.stop()
		mapping := env.mapping("asha")
		hash := mapping.Status.AppliedUserHash
		mapping.Status.AppliedUserHash = ""
		Expect(k8sClient.Status().Update(ctx, mapping)).To(Succeed())
		before := env.transport.totalWrites()
		env.start()
		env.expectRequests(1)
		Expect(env.transport.totalWrites()).To(Equal(before))
		env.edit("asha", setSuspend(true))
		Eventually(func() string { return env.mapping("asha").Status.AppliedUserHash }).Should(Equal(hash))
		env.expectRequests(1)
	})

	It("gets a rejected mapping at once, after a restart, too", func() {
		env := newTestEnv()
		env.acceptTwoUsers()
		env.deepcall.RemoveGroups("90")
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		rejected := env.waitFor("asha", "Ready=False InvalidGroupData Stalled")
		Expect(rejected.Status.RejectedEndpoint).To(Equal(env.url))
		env.restart()
		env.expectRequests(1)
		env.stop()
		env.deepcall.AddGroups("90")
		env.updateSecret(secondUser)
		env.start()
		env.waitForSynced("asha")
		Expect(env.sent()).To(Equal([]string{"1001 map[90:Y]", "1002 map[90:Y]"}))
		Expect(env.mapping("asha").Status.RejectedEndpoint).To(BeEmpty())
	})

	It("can be that of a recreated account: carried groups are kept, and all groups are sent once", func() {
		env := newTestEnv()
		env.acceptTwoUsers()
		env.createSynced(testenv.Mapping("asha").Group("90", true).Orphan())
		env.createSynced(testenv.Mapping("other").Group("91", false).Orphan())
		account := env.account("acme")
		env.delete(account)
		env.waitForAccountDeletion("acme")
		env.waitFor("asha", "Ready=True Synced")
		account.ObjectMeta = testenv.Account("acme", env.url).In(env.namespace).Build().ObjectMeta
		env.create(account)
		env.expectRequests(4)
		both := "1001 map[90:Y 91:N]"
		Expect(env.sent()[2:]).To(Equal([]string{both, both}))
		env.restart()
		env.expectRequests(4)
	})
})

var _ = Describe("R8: another endpoint", func() {
	It("gets a rejected mapping at once, after a restart, too", func() {
		env := newTestEnv()
		env.deepcall.RemoveGroups("90")
		env.create(testenv.Mapping("asha").Group("90", true).Build())
		env.waitFor("asha", "Ready=False InvalidGroupData Stalled")
		env.stop()
		newEndpoint, url := deepcalltest.Start(GinkgoTB(), deepcalltest.Options{})
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = url })
		env.start()
		env.waitForSynced("asha")
		Expect(newEndpoint.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		env.expectRequests(1)
	})

	It("is not another notation", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = "HTTP" + env.url[len("http"):] + "/" })
		env.waitForAccount("acme", "Ready=True Usable")
		env.expectRequests(1)
	})
})

// duplicateMessage returns the message of the condition Duplicate of an account; empty if there is none.
func (e *testEnv) duplicateMessage(name string) string {
	GinkgoHelper()
	for _, condition := range e.account(name).Status.Conditions {
		if condition.Type == v1alpha1.ConditionDuplicate {
			Expect(condition.Reason).To(Equal(v1alpha1.ReasonDuplicateAccount))
			return condition.Message
		}
	}
	return ""
}

// duplicateEvents returns the notes of the events about duplicates of an account, in any namespace.
func (e *testEnv) duplicateEvents(account *v1alpha1.DeepCallAccount) []string {
	GinkgoHelper()
	inNamespace := *e
	inNamespace.namespace = account.Namespace
	var found []string
	for _, event := range inNamespace.events(account.Name) {
		if note, isDuplicate := strings.CutPrefix(event, "Warning DuplicateAccount: "); isDuplicate {
			found = append(found, note)
		}
	}
	return found
}

var _ = Describe("accounts with the same endpoint and user", func() {
	var env *testEnv
	var otherNamespace string
	BeforeEach(func() {
		env = newEmptyTestEnv()
		otherNamespace = env.createNamespace()
		env.acceptTwoUsers()
		env.setup()
		env.waitForAccount("acme", "Ready=True Untried")
	})

	create := func(namespace, name, userID, token string) *v1alpha1.DeepCallAccount {
		GinkgoHelper()
		secret := testenv.UserToken(name, userID, token)
		secret.Namespace = namespace
		env.create(secret)
		account := testenv.Account(name, env.url).In(namespace).Build()
		env.create(account)
		env.waitForAccount(namespace+"/"+name, "Ready=True Untried")
		return account
	}
	duplicates := func() []string { return env.samples("deepcall_account_duplicates") }
	sample := func(namespace, name string, n int) string {
		return fmt.Sprintf("account=%s account_namespace=%s %d", name, namespace, n)
	}

	It("have a warning, an event and a metric, until one is deleted", func() {
		renamed := create(env.namespace, "renamed", "1001", "s3cr3t")
		create(env.namespace, "another", "1002", "other")
		Eventually(env.duplicateMessage).WithArguments("acme").Should(ContainSubstring(`with "renamed";`))
		Eventually(env.duplicateMessage).WithArguments("renamed").Should(ContainSubstring(`with "acme";`))
		Expect(env.duplicateMessage("another")).To(BeEmpty())
		Expect(summarize(env.account("acme"))).To(Equal("Ready=True Untried"))
		Expect(duplicates()).To(ConsistOf(
			sample(env.namespace, "acme", 1), sample(env.namespace, "renamed", 1), sample(env.namespace, "another", 0)))
		Eventually(env.duplicateEvents).WithArguments(env.account("acme")).Should(ConsistOf(env.duplicateMessage("acme")))
		Eventually(env.duplicateEvents).WithArguments(renamed).Should(ConsistOf(env.duplicateMessage("renamed")))

		By("restarting without a write")
		env.stop()
		before := env.transport.totalWrites()
		env.start()
		Eventually(duplicates).Should(HaveLen(3))
		Consistently(func() int { return env.transport.totalWrites() }).Should(Equal(before))

		By("deleting one while the operator is down")
		env.stop()
		env.delete(renamed)
		env.start()
		Eventually(env.duplicateMessage).WithArguments("acme").Should(BeEmpty())
		Eventually(duplicates).Should(ConsistOf(sample(env.namespace, "acme", 0), sample(env.namespace, "another", 0)))

		By("changing the user of the other one")
		env.updateSecret(secondUser)
		Eventually(env.duplicateMessage).WithArguments("another").Should(ContainSubstring(`with "acme";`))
		env.updateSecret(firstUser)
		Eventually(env.duplicateMessage).WithArguments("another").Should(BeEmpty())
		Eventually(env.duplicateMessage).WithArguments("acme").Should(BeEmpty())
	})

	It("do not name each other if they are in different namespaces", func() {
		other := create(otherNamespace, "secret-name", "1001", "s3cr3t")
		accounts := []*v1alpha1.DeepCallAccount{env.account("acme"), other}
		Eventually(duplicates).Should(ConsistOf(sample(env.namespace, "acme", 1), sample(otherNamespace, "secret-name", 1)))
		for _, account := range accounts {
			Eventually(env.duplicateEvents).WithArguments(account).Should(ConsistOf(SatisfyAll(
				ContainSubstring("with accounts of other namespaces;"), Not(ContainSubstring("secret-name")),
				Not(ContainSubstring("acme")), Not(ContainSubstring(otherNamespace)), Not(ContainSubstring(env.namespace)))))
			Expect(env.duplicateMessage(client.ObjectKeyFromObject(account).String())).To(BeEmpty())
		}

		By("restarting, which repeats the events")
		env.stop()
		env.start()
		for _, account := range accounts {
			Eventually(env.duplicateEvents).WithArguments(account).Should(HaveLen(2))
		}

		By("deleting one, and creating it again after a restart")
		env.delete(other)
		Eventually(duplicates).Should(ConsistOf(sample(env.namespace, "acme", 0)))
		env.stop()
		env.start()
		env.waitForAccount("acme", "Ready=True Untried")
		env.create(testenv.Account("secret-name", env.url).In(otherNamespace).Build())
		Eventually(env.duplicateEvents).WithArguments(env.account("acme")).Should(HaveLen(3))
	})

	DescribeTable("are sent again once the other account is gone, unless that has other owners", func(inOtherNamespace bool) {
		namespace := env.namespace
		if inOtherNamespace {
			namespace = otherNamespace
		}
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		former := create(namespace, "former", "1001", "s3cr3t")
		mapping := testenv.Mapping("former").In(namespace).Account("former").Group("90", true).Build()
		env.create(mapping)
		env.expectRequests(2)
		env.delete(mapping)
		env.expectRequests(3)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		env.delete(former)
		env.waitForAccountDeletion(namespace + "/former")
		requests, value := 4, "Y"
		if inOtherNamespace {
			requests, value = 3, "N"
		}
		env.expectRequests(requests)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": value}))
		env.restart()
		env.expectRequests(requests)
	},
		Entry("in the same namespace", false),
		Entry("in another namespace", true),
	)

	It("keep the warning while a Secret is replaced", func() {
		create(env.namespace, "renamed", "1001", "s3cr3t")
		Eventually(env.duplicateMessage).WithArguments("renamed").ShouldNot(BeEmpty())
		env.delete(env.secret())
		env.waitForAccount("acme", "Ready=False SecretNotFound Reconciling")
		env.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		env.waitForAccount("acme", "Ready=True Untried")
		Consistently(env.duplicateMessage).WithArguments("renamed").ShouldNot(BeEmpty())
		Eventually(env.duplicateEvents).WithArguments(env.account("renamed")).Should(HaveLen(1))
	})
})
