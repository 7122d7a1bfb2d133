package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

var _ = Describe("Credentials", func() {
	It("appear in no log at the highest level, no event, no status and no metric", func() {
		w := newWorld()
		w.token = rand.Text() + `"<&>é\` + rand.Text()
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
		w.token = rand.Text() + `"<&>é\` + rand.Text()
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
			"log":      log + dumped(log),
			"metrics":  metrics,
			"mappings": w.kubectl("get", "agm", "-o", "yaml"),
			"accounts": w.kubectl("get", "dca", "-o", "yaml"),
			"events":   w.kubectl("get", "events", "-o", "yaml"),
		}
		for where, text := range shown {
			for _, secret := range []string{old, w.token} {
				for form, value := range forms(secret) {
					Expect(strings.Contains(text, value)).To(BeFalse(), "%s: the token, %s", where, form)
				}
			}
		}
	})
})

// forms are the ways in which a secret, or a good part of it, could be written.
func forms(secret string) map[string]string {
	start := secret[:20] // the part that no escaping changes
	return map[string]string{
		"as it is":             secret,
		"its beginning":        start,
		"its end":              secret[len(secret)-20:],
		"quoted for JSON":      strings.Trim(quoted(secret), `"`),
		"quoted for Go":        strings.Trim(fmt.Sprintf("%q", secret), `"`),
		"escaped for a URL":    url.QueryEscape(secret),
		"in base64":            base64.StdEncoding.EncodeToString([]byte(secret))[:20],
		"in base64 of a URL":   base64.RawURLEncoding.EncodeToString([]byte(secret))[:20],
		"in hexadecimal":       hex.EncodeToString([]byte(start)),
		"in a row of a dump":   fmt.Sprintf("% x", start[4:8]),
		"as a list of numbers": strings.Trim(fmt.Sprintf("%d", []byte(start)), "[]"),
	}
}

// dumped is the text that client-go logs beside the rows of a hexadecimal dump.
func dumped(log string) string {
	var text strings.Builder
	for _, row := range regexp.MustCompile(`[0-9a-f]{8}  [0-9a-f ]{48,49} \|(.{1,32}?)\|`).FindAllStringSubmatch(log, -1) {
		text.WriteString(row[1])
	}
	return text.String()
}

func quoted(text string) string {
	out, err := json.Marshal(text)
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}
