package e2e

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
)

var _ = Describe("An outage of the API server", func() {
	It("at the start is waited for, with the reason in the log and in the readiness probe", func() {
		env := newTestEnv()
		gate := newGate()
		gate.close()
		m := launchManager(gate.kubeconfig(clusterManager), "--allow-insecure-endpoints")
		Eventually(m.Session).Should(haveLogged("the API server can't be reached"))
		status, _ := httpGet(m.probes, "/healthz")
		Expect(status).To(Equal(http.StatusOK))
		status, _ = httpGet(m.probes, "/readyz")
		Expect(status).To(Equal(http.StatusInternalServerError))
		gate.open()
		m.waitUntilReady()
		env.applySynced("asha", "7", "90=Y")
	})
})

// gate forwards connections to the API server while it is open.
type gate struct {
	listener net.Listener
	server   string

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newGate() *gate {
	GinkgoHelper()
	server, err := url.Parse(controlPlane.Config.Host)
	Expect(err).NotTo(HaveOccurred())
	g := &gate{server: server.Host, conns: map[net.Conn]struct{}{}}
	if g.server == "" {
		g.server = controlPlane.Config.Host
	}
	g.listener, err = net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		_ = g.listener.Close()
		g.close()
	})
	go g.serve()
	return g
}

func (g *gate) serve() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.forward(conn)
	}
}

func (g *gate) forward(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if !g.add(conn) {
		return
	}
	server, err := net.Dial("tcp", g.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	}()
	_, _ = io.Copy(server, conn)
}

// add reports whether the gate is open for a connection.
func (g *gate) add(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[conn] = struct{}{}
	return !g.closed
}

// close ends all connections, and lets no others through.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for conn := range g.conns {
		_ = conn.Close()
	}
	clear(g.conns)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

// kubeconfig writes a kubeconfig of a manager that reaches the API server through the gate.
func (g *gate) kubeconfig(account serviceAccount) string {
	GinkgoHelper()
	config, err := clientcmd.LoadFromFile(kubeconfigFor(account))
	Expect(err).NotTo(HaveOccurred())
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + g.listener.Addr().String()
	}
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}
