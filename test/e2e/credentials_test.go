package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("Credentials", func() {
	It("appear in no log at the highest level, no event, no status and no metric", func() {
		w := newWorld()
		w.token = testenv.Canary(rand.Text())
		m := startManager("--zap-log-level=10")

		By("being accepted, refused, echoed by DeepCall, changed, and there at a start")
		echo := fmt.Sprintf(`{"status":"error","code":1505,"message":%s}`, quoted("what is "+w.token+"?"))
		w.deepcall.Script(
			deepcalltest.Body([]byte(echo)).ForAgent("8"),
			deepcalltest.Body([]byte(w.token+" is no JSON")).ForAgent("9"),
			deepcalltest.Code(1014).ForAgent("10"),
		)
		w.apply(w.secret(), w.account(), w.mapping("asha", "7", "90=Y"))
		w.waitFor("agm/asha", "Synced")
		w.apply(w.mapping("bela", "8", "90=Y"), w.mapping("chandra", "9", "90=Y"))
		w.waitFor("agm/bela", "InvalidGroupData")
		w.waitFor("agm/chandra", "Synced") // at the second attempt
		w.apply(w.mapping("devi", "10", "90=Y"))
		w.waitFor("dca/acme", "InvalidToken")
		old := w.token
		w.token = testenv.Canary(rand.Text())
		w.apply(w.secret())
		w.waitFor("agm/devi", "Synced")
		Eventually(w.kubectl).WithArguments("events").Should(ContainSubstring("InvalidGroupData"))
		m.stop()
		log := string(m.Err.Contents()) + string(m.Out.Contents())
		m = startManager("--zap-log-level=10")
		w.apply(w.mapping("esha", "11", "90=Y"))
		w.waitFor("agm/esha", "Synced")
		_, metrics := get(m.metrics, "/metrics")
		m.stop()
		log += string(m.Err.Contents()) + string(m.Out.Contents())

		By("looking for them, in every form")
		Expect(log).To(ContainSubstring("Response Body"), "the level at which bodies are logged")
		shown := map[string]string{
			"log":      log,
			"metrics":  metrics,
			"mappings": w.kubectl("get", "agm", "-o", "yaml"),
			"accounts": w.kubectl("get", "dca", "-o", "yaml"),
			"events":   w.kubectl("get", "events", "-o", "yaml"),
		}
		for where, text := range shown {
			for _, secret := range []string{old, w.token} {
				Expect(testenv.Reveals(text, secret)).To(BeEmpty(), "%s: the token", where)
			}
		}
	})
})

func quoted(text string) string {
	out, err := json.Marshal(text)
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}
