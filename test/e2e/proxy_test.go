package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest/connectproxy"
)

var _ = Describe("A proxy of the environment", func() {
	It("is used for the endpoint and not for the API server, with a private CA, and its credentials are not logged", func() {
		env := newTestEnv()
		secure := httptest.NewTLSServer(env.deepcall)
		DeferCleanup(secure.Close)
		proxy := connectproxy.Start(GinkgoTB(), secure.Listener.Addr().String(), true)
		proxy.Credentials = "operator:pr0xyPassw0rd"
		roots := filepath.Join(GinkgoT().TempDir(), "roots.pem")
		Expect(os.WriteFile(roots, certificateOf(proxy.Server), 0o600)).To(Succeed())
		GinkgoT().Setenv("SSL_CERT_FILE", roots)
		GinkgoT().Setenv("HTTPS_PROXY", proxy.WithCredentials(proxy.Credentials))
		GinkgoT().Setenv("NO_PROXY", "")
		m := startManagerAs(clusterManager, "--zap-log-level=10")

		env.url = "https://example.com" // in the certificate, and only the proxy knows where it is
		account := env.account() + fmt.Sprintf("  caBundle: %s\n", base64.StdEncoding.EncodeToString(certificateOf(secure)))
		env.apply(env.secret(), account, env.mapping("asha", "7", "90=Y"))
		env.waitForReason("agm/asha", "Synced")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(proxy.Requests()).To(Equal([]string{"CONNECT example.com:443"}))

		By("closing the proxy")
		proxy.Close()
		env.apply(env.mapping("asha", "7", "90=N"))
		env.waitForReason("agm/asha", "ConnectionFailed")
		Eventually(m.Session).Should(haveLogged("the proxy can't be reached: connection refused"))
		m.stop()
		Expect(string(m.Err.Contents()) + string(m.Out.Contents())).NotTo(ContainSubstring("pr0xyPassw0rd"))
	})
})

// certificateOf returns the certificate of a server as PEM.
func certificateOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}
