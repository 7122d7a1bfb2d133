package e2e

import (
	"crypto/rand"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("Credentials", func() {
	It("never appear in logs at the highest level, events, statuses or metrics", func() {
		env := newTestEnv()
		env.token = testenv.Canary(rand.Text())
		m := startManager("--zap-log-level=10")

		By("using credentials that DeepCall accepts, denies and echoes, a rotation, and a restart")
		echo, err := json.Marshal(map[string]any{"status": "error", "code": 1505, "message": "what is " + env.token + "?"})
		Expect(err).NotTo(HaveOccurred())
		env.deepcall.Script(
			deepcalltest.Body(echo).ForAgent("8"),
			deepcalltest.Body([]byte(env.token+" is not JSON")).ForAgent("9"),
			deepcalltest.Code(1014).ForAgent("10"),
		)
		env.applySynced("asha", "7", "90=Y")
		env.apply(env.mapping("bela", "8", "90=Y"), env.mapping("chandra", "9", "90=Y"))
		env.waitForReason("agm/bela", "InvalidGroupData")
		env.waitForReason("agm/chandra", "Synced") // with the second request
		env.apply(env.mapping("devi", "10", "90=Y"))
		env.waitForReason("dca/acme", "InvalidToken")
		old := env.token
		env.token = testenv.Canary(rand.Text())
		env.apply(env.secret())
		env.waitForReason("agm/devi", "Synced")
		Eventually(env.kubectl).WithArguments("events").Should(ContainSubstring("InvalidGroupData"))
		m.stop()
		log := string(m.Err.Contents()) + string(m.Out.Contents())
		m = startManager("--zap-log-level=10")
		env.apply(env.mapping("esha", "11", "90=Y"))
		env.waitForReason("agm/esha", "Synced")
		_, metrics := httpGet(m.metrics, "/metrics")
		m.stop()
		log += string(m.Err.Contents()) + string(m.Out.Contents())

		By("searching for each encoding of the tokens")
		Expect(log).To(ContainSubstring("Response Body"), "response bodies are logged at this level")
		outputs := map[string]string{
			"log":      log,
			"metrics":  metrics,
			"mappings": env.kubectl("get", "agm", "-o", "yaml"),
			"accounts": env.kubectl("get", "dca", "-o", "yaml"),
			"events":   env.kubectl("get", "events", "-o", "yaml"),
		}
		for output, text := range outputs {
			for _, secret := range []string{old, env.token} {
				Expect(testenv.Reveals(text, secret)).To(BeEmpty(), "a token in the %s", output)
			}
		}
	})
})
