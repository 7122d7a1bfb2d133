package controller_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var _ = Describe("R9: a failed connection", func() {
	It("is reported and retried when it is refused", func() {
		env, history := newRecordedTestEnv()
		port := reservePort()
		env.start()
		env.createAccount(testenv.Account("acme", "http://"+port.address))
		env.create(testenv.Mapping("asha").Group("90", true).Build())

		failed := observation{conditions: "Ready=False ConnectionFailed Reconciling", message: "The connection to DeepCall failed"}
		Eventually(history.ofMapping("asha")).Should(Equal([]observation{failed}), "not uncertain, because nothing was sent")
		env.expectRequests(0)
		port.serve(env.deepcall)
		Eventually(history.ofMapping("asha")).Should(Equal([]observation{failed, synced}))
		env.expectRequests(1)
		Expect(conditionsOf(history.ofAccount("acme")())).To(Equal([]string{"Ready=True Untried", "Ready=True Usable"}))
	})

	It("is reported as a failure of DNS when the host name is not resolved, with the remedy", func() {
		before := net.DefaultResolver
		DeferCleanup(func() { net.DefaultResolver = before })
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, syscall.ECONNREFUSED
		}}
		env := newEmptyTestEnv()
		env.start()
		env.createAccount(testenv.Account("acme", "https://deepcall.test."))
		const message = "DNS does not resolve the host name of the account's endpoint; check spec.endpoint of the account, and the cluster's DNS"
		mapping := env.createAndWait(testenv.Mapping("asha").Group("90", true), "Ready=False ConnectionFailed Reconciling")
		Expect(mapping.Status.Conditions[0].Message).To(Equal(message))
		env.createMappings("acme", 5)
		env.waitForAccount("acme", "Ready=False Unreachable Reconciling")
		Expect(env.account("acme").Status.Conditions[0].Message).To(SatisfyAll(
			ContainSubstring(message+": the name could not be resolved. "), ContainSubstring("the network path to it (DNS, ")))
	})

	It("is reported and retried when it is closed in the middle of the response", func() {
		env, history := newRecordedTestEnv()
		server := httptest.NewServer(truncateFirstResponse(env.deepcall))
		DeferCleanup(server.Close)
		env.start()
		env.createAccount(testenv.Account("acme", server.URL))
		env.create(testenv.Mapping("asha").Group("90", true).Build())

		Eventually(history.ofMapping("asha")).Should(Equal([]observation{{
			conditions: "Ready=False UnreadableAnswer Reconciling",
			message:    "DeepCall's answer could not be read",
			uncertain:  true,
		}, synced}))
		env.expectRequests(2)
		Expect(env.requests()[0].Applied).To(BeTrue(), "only the response was lost")
	})

	It("is reported when the endpoint has no TLS, and sends no request without TLS", func() {
		env, history := newRecordedTestEnv()
		env.start()
		env.createAccount(testenv.Account("acme", "https"+env.url[len("http"):]))
		env.create(testenv.Mapping("asha").Group("90", true).Build())

		failed := observation{conditions: "Ready=False TLSFailed Reconciling", message: "No secure connection to DeepCall could be made"}
		Eventually(history.ofMapping("asha")).Should(Equal([]observation{failed}))
		env.expectRequests(0)
		env.editAccount("acme", func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = env.url })
		Eventually(history.ofMapping("asha")).Should(Equal([]observation{failed, synced}))
		env.expectRequests(1)
	})
})

// reservedPort is a local port that refuses connections until serve is called, and that no other process can bind.
type reservedPort struct {
	address string
	socket  int
}

func reservePort() *reservedPort {
	GinkgoHelper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})).To(Succeed())
	bound, err := syscall.Getsockname(socket)
	Expect(err).NotTo(HaveOccurred())
	local, ok := bound.(*syscall.SockaddrInet4)
	Expect(ok).To(BeTrue())
	return &reservedPort{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(local.Port)), socket: socket}
}

// serve runs the handler on the port until the spec ends.
func (p *reservedPort) serve(handler http.Handler) {
	GinkgoHelper()
	Expect(syscall.Listen(p.socket, 16)).To(Succeed())
	file := os.NewFile(uintptr(p.socket), p.address)
	listener, err := net.FileListener(file) // duplicates the descriptor
	Expect(err).NotTo(HaveOccurred())
	Expect(file.Close()).To(Succeed())
	server := httptest.NewUnstartedServer(handler)
	Expect(server.Listener.Close()).To(Succeed())
	server.Listener = listener
	server.Start()
	DeferCleanup(server.Close)
}

// truncateFirstResponse sends half of the first response and closes the connection.
func truncateFirstResponse(handler http.Handler) http.Handler {
	var truncated atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if truncated.Swap(true) {
			handler.ServeHTTP(w, r)
			return
		}
		complete := httptest.NewRecorder()
		handler.ServeHTTP(complete, r)
		body := complete.Body.Bytes()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // makes net/http close the connection
	})
}
