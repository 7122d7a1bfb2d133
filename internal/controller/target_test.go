package controller_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

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
	var env *testEnv
	BeforeEach(func() {
		env = newTestEnv()
		env.acceptTwoUsers()
	})

	It("gets all groups, of all mappings, without an edit", func() {
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
		env.startIdle(4)
	})

	It("gets them after a restart if the Secret changed while the operator was down", func() {
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.stop()
		env.updateSecret(secondUser)
		env.start()
		env.expectRequests(2)
		Expect(env.sent()[1]).To(Equal("1002 map[90:Y]"))
	})

	It("is not another token, a session, or a missing or invalid Secret", func() {
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
		env.createSynced(testenv.Mapping("asha").Group("90", true))
		env.waitForAccount("acme", "Ready=True Usable")
		env.waitForMappingCount(1)
		env.stop()
		mapping := env.mapping("asha")
		hash := mapping.Status.AppliedUserHash
		mapping.Status.AppliedUserHash = ""
		Expect(k8sClient.Status().Update(ctx, mapping)).To(Succeed())
		env.startIdle(1)
		env.edit("asha", setSuspend(true))
		Eventually(func() string { return env.mapping("asha").Status.AppliedUserHash }).Should(Equal(hash))
		env.expectRequests(1)
	})

	It("gets a rejected mapping at once, after a restart, too", func() {
		env.deepcall.RemoveGroups("90")
		rejected := env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False InvalidGroupData Stalled")
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
		env.createSynced(testenv.Mapping("asha").Group("90", true).Orphan())
		env.createSynced(testenv.Mapping("other").Group("91", false).Orphan())
		account := env.account("acme")
		env.deleteAndWait(account)
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
		env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False InvalidGroupData Stalled")
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
