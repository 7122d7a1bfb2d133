package e2e

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

var _ = Describe("An outage of the API server", func() {
	It("at the start is waited for by a process that is alive, not ready, and logs the reason", func() {
		env := newTestEnv()
		gate := newGate()
		gate.close()
		m := launchManager(gate.kubeconfig(), "--allow-insecure-endpoints")
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

// gate forwards connections to the API server while it is open. While it is closed, it refuses connections, as a node without a
// running API server does.
type gate struct {
	address, server string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
}

func newGate() *gate {
	GinkgoHelper()
	server, err := url.Parse(controlPlane.Config.Host)
	Expect(err).NotTo(HaveOccurred())
	g := &gate{address: freeAddress(), server: server.Host, conns: map[net.Conn]struct{}{}}
	g.open()
	DeferCleanup(g.close)
	return g
}

func (g *gate) open() {
	GinkgoHelper()
	listener, err := net.Listen("tcp", g.address)
	Expect(err).NotTo(HaveOccurred())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener = listener
	go g.serve(listener)
}

// close ends all connections, and refuses others.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.listener.Close()
	for conn := range g.conns {
		_ = conn.Close()
	}
	clear(g.conns)
}

func (g *gate) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		g.conns[conn] = struct{}{}
		g.mu.Unlock()
		go g.forward(conn)
	}
}

func (g *gate) forward(conn net.Conn) {
	defer func() { _ = conn.Close() }()
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

// kubeconfig writes a kubeconfig of a manager that reaches the API server through the gate.
func (g *gate) kubeconfig() string {
	GinkgoHelper()
	return kubeconfigFor(clusterManager, func(cluster *clientcmdapi.Cluster) { cluster.Server = "https://" + g.address })
}
