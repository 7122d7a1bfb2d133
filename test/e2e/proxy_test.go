package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A proxy of the environment", func() {
	It("is used for the endpoint and not for the API server, with a private CA, and its credentials are not logged", func() {
		env := newTestEnv()
		secure := httptest.NewTLSServer(env.deepcall)
		DeferCleanup(secure.Close)
		proxy := startProxy(secure.Listener.Addr().String())
		roots := filepath.Join(GinkgoT().TempDir(), "roots.pem")
		Expect(os.WriteFile(roots, certificateOf(proxy.Server), 0o600)).To(Succeed())
		GinkgoT().Setenv("SSL_CERT_FILE", roots)
		GinkgoT().Setenv("HTTPS_PROXY", strings.Replace(proxy.URL, "https://", "https://operator:pr0xyPassw0rd@", 1))
		GinkgoT().Setenv("NO_PROXY", "")
		m := startManagerAs(clusterManager, "--zap-log-level=10")

		env.url = "https://example.com" // in the certificate, and only the proxy knows where it is
		account := env.account() + fmt.Sprintf("  caBundle: %s\n", base64.StdEncoding.EncodeToString(certificateOf(secure)))
		env.apply(env.secret(), account, env.mapping("asha", "7", "90=Y"))
		env.waitForReason("agm/asha", "Synced")
		Expect(env.deepcall.Agent("7")).To(Equal(map[string]string{"90": "Y"}))
		Expect(proxy.requests()).To(Equal([]string{"CONNECT example.com:443 as operator:pr0xyPassw0rd"}))

		By("closing the proxy")
		proxy.Close()
		env.apply(env.mapping("asha", "7", "90=N"))
		env.waitForReason("agm/asha", "ConnectionFailed")
		Eventually(m.Session).Should(haveLogged("the proxy can't be reached: connection refused"))
		m.stop()
		Expect(string(m.Err.Contents()) + string(m.Out.Contents())).NotTo(ContainSubstring("pr0xyPassw0rd"))
	})
})

// connectProxy is a proxy that connects every name to one server.
type connectProxy struct {
	*httptest.Server
	server string

	mu   sync.Mutex
	seen []string
}

func startProxy(server string) *connectProxy {
	proxy := &connectProxy{server: server}
	proxy.Server = httptest.NewTLSServer(proxy)
	DeferCleanup(proxy.Close)
	return proxy
}

// certificateOf returns the certificate of a server as PEM.
func certificateOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// requests returns the method, target and credentials of each request.
func (p *connectProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	credentials, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
	p.mu.Lock()
	p.seen = append(p.seen, fmt.Sprintf("%s %s as %s", r.Method, r.RequestURI, credentials))
	p.mu.Unlock()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = server.Close() }()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(server, conn) }()
	_, _ = io.Copy(conn, server)
}
