package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("enqueueing", func() {
	It("retries after the account's Secret could not be read at first", func() {
		env := newTestEnv()
		env.waitForAccount("acme", "Ready=True Untried")
		env.transport.failReads("/secrets/", 1)
		env.createSynced(testenv.Mapping("asha").Group("90", true))
	})

	It("retries at once when the account recovers, without waiting for the back-off", func() {
		env := newTestEnv()
		env.deepcall.Script(deepcalltest.Code(1501).Times(-1))
		env.create(testenv.Mapping("asha").Agent("8").Group("90", true).Build())
		Eventually(env.requestCount, 30*time.Second).Should(Equal(5), "the next back-off is 16 s")
		env.deepcall.ClearFaults()
		env.updateSecret(map[string]string{"userId": "1001", "token": "wrong"})
		env.waitForAccount("acme", "Ready=False InvalidToken Stalled")
		env.updateSecret(map[string]string{"userId": "1001", "token": "s3cr3t"})
		Eventually(func() string { return summarize(env.mapping("asha")) }, 8*time.Second).Should(Equal("Ready=True Synced"))
	})

	It("ends a deletion that waits for missing credentials when its namespace is deleted", func() {
		env := newEmptyTestEnv()
		otherNamespace := env.createNamespace()
		env.setup(allowAll)
		mapping := env.createSynced(env.guest(otherNamespace))
		env.stop()
		env.delete(env.secret())
		env.start()
		env.delete(mapping)
		env.waitFor(otherNamespace+"/guest", "Ready=False AccountNotReady Reconciling")
		env.delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: otherNamespace}})
		env.waitForDeletion(otherNamespace + "/guest")
	})

	It("sends a removal although an older edit of the agent cannot be sent without the Secret", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("a-older").Group("90", true))
		younger := env.createSynced(testenv.Mapping("b-younger").Group("91", true))
		env.delete(env.secret())
		env.waitForAccount("acme", "Ready=False SecretNotFound Reconciling")
		env.editAndWait("a-older", setGroups(group("90", false)), "Ready=False AccountNotReady Reconciling")
		env.deleteAndWait(younger)
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y", "91": "N"}))
	})

	It("retries a rejected edit when the carried group at fault is removed from the other mapping", func() {
		env := newTestEnv()
		env.createSynced(testenv.Mapping("a-carried").Group("90", true).Group("91", true))
		env.createSynced(testenv.Mapping("b-edited").Group("92", true))
		env.deepcall.RemoveGroups("91")
		env.deepcall.Script(deepcalltest.Code(1505), deepcalltest.Code(1501).Times(3))
		env.edit("b-edited", setGroups(group("92", false)))
		Eventually(env.requestCount).Should(BeNumerically(">=", 4))
		env.deepcall.ClearFaults()
		env.edit("a-carried", setGroups(group("90", true)))
		env.waitForSynced("a-carried", "b-edited")
	})

	It("ends the deletion of a mapping without resyncs that hands over a group unknown to DeepCall", func() {
		env := newTestEnv()
		owner := env.createSynced(testenv.Mapping("a-owner").Group("90", true).Group("91", true).Resync(0))
		env.createAndWait(testenv.Mapping("b-next").Group("90", true), "Ready=False Conflict Stalled")
		env.deepcall.RemoveGroups("90")
		env.delete(owner)
		env.waitFor("b-next", "Ready=False InvalidGroupData Stalled")
		env.waitForDeletion("a-owner")
	})
})
