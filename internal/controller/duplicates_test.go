package controller_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

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
	var found []string
	for _, event := range e.events(account.Namespace + "/" + account.Name) {
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

	duplicates := func() []string { return env.samples("deepcall_account_duplicates") }
	sample := func(namespace, name string, n int) string {
		return fmt.Sprintf("account=%s account_namespace=%s %d", name, namespace, n)
	}

	It("have a warning, an event and a metric, until one is deleted", func() {
		renamed := env.createAccount(testenv.Account("renamed", env.url))
		env.create(testenv.UserToken("another", "1002", "other"))
		env.create(testenv.Account("another", env.url).Build())
		env.waitForAccount("another", "Ready=True Untried")
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
		other := env.createAccount(testenv.Account("secret-name", env.url).In(otherNamespace))
		accounts := []*v1alpha1.DeepCallAccount{env.account("acme"), other}
		Eventually(duplicates).Should(ConsistOf(sample(env.namespace, "acme", 1), sample(otherNamespace, "secret-name", 1)))
		for _, account := range accounts {
			Eventually(env.duplicateEvents).WithArguments(account).Should(ConsistOf(SatisfyAll(
				ContainSubstring("with accounts of other namespaces;"), Not(ContainSubstring("secret-name")),
				Not(ContainSubstring("acme")), Not(ContainSubstring(otherNamespace)), Not(ContainSubstring(env.namespace)))))
			Expect(env.duplicateMessage(client.ObjectKeyFromObject(account).String())).To(BeEmpty())
		}

		By("restarting, which repeats the events")
		env.restart()
		for _, account := range accounts {
			Eventually(env.duplicateEvents).WithArguments(account).Should(HaveLen(2))
		}

		By("deleting one, and creating it again after a restart")
		env.delete(other)
		Eventually(duplicates).Should(ConsistOf(sample(env.namespace, "acme", 0)))
		env.restart()
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
		former := env.createAccount(testenv.Account("former", env.url).In(namespace))
		mapping := testenv.Mapping("former").In(namespace).Account("former").Group("90", true).Build()
		env.create(mapping)
		env.expectRequests(2)
		env.delete(mapping)
		env.expectRequests(3)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "N"}))
		env.deleteAndWait(former)
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
		env.createAccount(testenv.Account("renamed", env.url))
		Eventually(env.duplicateMessage).WithArguments("renamed").ShouldNot(BeEmpty())
		env.delete(env.secret())
		env.waitForAccount("acme", "Ready=False SecretNotFound Reconciling")
		env.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		env.waitForAccount("acme", "Ready=True Untried")
		Consistently(env.duplicateMessage).WithArguments("renamed").ShouldNot(BeEmpty())
		Eventually(env.duplicateEvents).WithArguments(env.account("renamed")).Should(HaveLen(1))
	})
})
