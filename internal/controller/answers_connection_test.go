package controller_test

import (
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

var _ = Describe("R9: a connection that fails", func() {
	It("is told, and tried again, when it is refused", func() {
		w := emptyWorld()
		seen := keepDiary(w)
		door := newClosedDoor()
		w.start()
		w.createAccount(testenv.Account("acme", "http://"+door.address))
		w.create(testenv.Mapping("asha").Group("90", true).Build())

		failing := sight{conditions: "Ready=False ConnectionFailed Reconciling", message: "The connection to DeepCall failed"}
		Eventually(seen.ofMapping("asha")).Should(Equal([]sight{failing}), "not uncertain: nothing was sent")
		w.settled(0)
		door.open(w.deepcall)
		Eventually(seen.ofMapping("asha")).Should(Equal([]sight{failing, synced}))
		w.settled(1)
		Expect(conditionsOf(seen.ofAccount("acme")())).To(Equal([]string{"Ready=True Untried", "Ready=True Usable"}))
	})

	It("is told, and tried again, when it breaks in the middle of the answer", func() {
		w := emptyWorld()
		seen := keepDiary(w)
		server := httptest.NewServer(breakingOnce(w.deepcall))
		DeferCleanup(server.Close)
		w.start()
		w.createAccount(testenv.Account("acme", server.URL))
		w.create(testenv.Mapping("asha").Group("90", true).Build())

		Eventually(seen.ofMapping("asha")).Should(Equal([]sight{{
			conditions: "Ready=False UnreadableAnswer Reconciling",
			message:    "DeepCall's answer could not be read",
			uncertain:  true,
		}, synced}))
		w.settled(2)
		Expect(w.deepcall.Calls()[0].Applied).To(BeTrue(), "what was lost is the answer only")
	})

	It("is told when there is no TLS, and no call is made without it", func() {
		w := emptyWorld()
		seen := keepDiary(w)
		w.start()
		w.createAccount(testenv.Account("acme", "https"+w.url[len("http"):]))
		w.create(testenv.Mapping("asha").Group("90", true).Build())

		failing := sight{conditions: "Ready=False TLSFailed Reconciling", message: "No secure connection to DeepCall could be made"}
		Eventually(seen.ofMapping("asha")).Should(Equal([]sight{failing}))
		w.settled(0)
		w.editAccount(func(account *v1alpha1.DeepCallAccount) { account.Spec.Endpoint = w.url })
		Eventually(seen.ofMapping("asha")).Should(Equal([]sight{failing, synced}))
		w.settled(1)
	})
})

// closedDoor is a port that nobody listens at, and that nobody else can take meanwhile.
type closedDoor struct {
	address string
	socket  int
}

func newClosedDoor() *closedDoor {
	GinkgoHelper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	Expect(err).NotTo(HaveOccurred())
	Expect(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})).To(Succeed())
	bound, err := syscall.Getsockname(socket)
	Expect(err).NotTo(HaveOccurred())
	local, ok := bound.(*syscall.SockaddrInet4)
	Expect(ok).To(BeTrue())
	return &closedDoor{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(local.Port)), socket: socket}
}

// open has the handler serve at the door's address, until the spec ends.
func (d *closedDoor) open(handler http.Handler) {
	GinkgoHelper()
	Expect(syscall.Listen(d.socket, 16)).To(Succeed())
	file := os.NewFile(uintptr(d.socket), d.address)
	listener, err := net.FileListener(file) // of a copy
	Expect(err).NotTo(HaveOccurred())
	Expect(file.Close()).To(Succeed())
	server := httptest.NewUnstartedServer(handler)
	Expect(server.Listener.Close()).To(Succeed())
	server.Listener = listener
	server.Start()
	DeferCleanup(server.Close)
}

// breakingOnce sends half of the first answer, and closes the connection.
func breakingOnce(handler http.Handler) http.Handler {
	var broken atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Swap(true) {
			handler.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		handler.ServeHTTP(whole, r)
		body := whole.Body.Bytes()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // what net/http wants to see for this
	})
}
