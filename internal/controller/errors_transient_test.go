package controller_test

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// transientError is a response, or a missing response, that the operator retries.
type transientError struct {
	name       string // of the account, mapping and agent that get the error
	fault      deepcalltest.Fault
	reason     string
	message    string
	response   string // from DeepCall, if any
	notApplied bool   // DeepCall cannot have applied the request
	timeout    time.Duration
}

// twice returns the name of the mapping and agent that get the error twice.
func (t transientError) twice() string { return t.name + "-twice" }

func (t transientError) observation() observation {
	return observation{
		conditions: "Ready=False " + t.reason + " Reconciling", message: t.message,
		response: t.response, uncertain: !t.notApplied,
	}
}

func (t transientError) account(endpoint string) *testenv.AccountBuilder {
	builder := testenv.Account(t.name, endpoint)
	if t.timeout > 0 {
		builder.Timeout(t.timeout)
	}
	return builder
}

func redirect(status int) deepcalltest.Fault {
	return deepcalltest.Status(status).WithHeader("Location", "/elsewhere"+deepcalltest.Path)
}

func timeout(name string, fault deepcalltest.Fault) transientError {
	return transientError{
		name: name, fault: fault, timeout: time.Second,
		reason: "Timeout", message: "DeepCall did not answer in time",
	}
}

func unreadable(name, body string) transientError {
	return transientError{
		name: name, fault: deepcalltest.Body([]byte(body)),
		reason: "UnreadableAnswer", message: "DeepCall's answer could not be read",
	}
}

var transientErrors = func() []transientError {
	all := []transientError{
		{
			name: "unknown-code-9999", fault: deepcalltest.Code(9999), reason: "UnknownCode",
			message: "DeepCall error 9999: unknown code", response: "9999 Unknown error",
		},
		{
			name: "unknown-code-1531", fault: deepcalltest.Code(1531), reason: "UnknownCode",
			message: "DeepCall error 1531: unknown code", response: "1531 Unknown error",
		},

		{name: "http-429", fault: deepcalltest.Status(429), reason: "TooManyRequests", message: "DeepCall answered HTTP 429", notApplied: true},
		{name: "http-500", fault: deepcalltest.Status(500), reason: "ServerError", message: "DeepCall answered HTTP 500"},
		{name: "http-503", fault: deepcalltest.Status(503), reason: "ServerError", message: "DeepCall answered HTTP 503"},
		{name: "http-503-after-applying", fault: deepcalltest.Status(503).AfterApplying(), reason: "ServerError", message: "DeepCall answered HTTP 503"},
		{
			name: "http-500-with-code-1505", fault: deepcalltest.Fault{Status: 500, Code: 1505}, reason: "ServerError",
			message: "DeepCall answered HTTP 500", response: "1505 Invalid group data",
		},
		{name: "http-404", fault: deepcalltest.Status(404), reason: "UnexpectedStatus", message: "DeepCall answered HTTP 404"},

		{name: "redirect-301", fault: redirect(301), reason: "Redirected", message: "DeepCall answered HTTP 301"},
		{name: "redirect-302", fault: redirect(302), reason: "Redirected", message: "DeepCall answered HTTP 302"},
		{name: "redirect-307", fault: redirect(307), reason: "Redirected", message: "DeepCall answered HTTP 307"},
		{name: "redirect-308", fault: redirect(308), reason: "Redirected", message: "DeepCall answered HTTP 308"},

		{name: "cut-before-applying", fault: deepcalltest.CutBefore(), reason: "ConnectionFailed", message: "The connection to DeepCall failed"},
		{name: "cut-after-applying", fault: deepcalltest.CutAfter(), reason: "ConnectionFailed", message: "The connection to DeepCall failed"},

		timeout("hang", deepcalltest.Hang()),
		timeout("hang-after-applying", deepcalltest.Hang().AfterApplying()),
		timeout("drip", deepcalltest.Drip(100*time.Millisecond)),

		unreadable("html", "<!DOCTYPE html><html><body>Bad gateway</body></html>"),
		unreadable("empty-body", ""),
		unreadable("cut-body", `{"status":"success","message":"ok","co`),
		unreadable("huge-body", `{"status":"success","code":200,"message":"`+strings.Repeat("x", 64<<10)+`"}`),
		unreadable("body-success-with-an-error-code", `{"status":"success","code":1505,"message":"ok"}`),
		unreadable("body-error-with-code-200", `{"status":"error","code":200,"message":"ok"}`),
		unreadable("body-two-codes", `{"status":"success","code":1505,"code":200}`),
		unreadable("body-two-spellings-of-a-key", `{"status":"success","code":200,"Code":1505}`),
		unreadable("body-code-as-text", `{"status":"success","code":"200"}`),
		unreadable("body-code-as-a-fraction", `{"status":"success","code":200.0}`),
		unreadable("body-no-status", `{"code":200,"message":"ok"}`),
		unreadable("body-unknown-status", `{"status":"queued","code":200}`),
		unreadable("body-two-answers", `{"status":"success","code":200}{"status":"error","code":1505}`),
		unreadable("body-list", `[{"status":"success","code":200}]`),
	}
	for _, c := range codesOf(transient) {
		all = append(all, transientError{
			name: c.name(), fault: deepcalltest.Code(c.number), reason: c.reason, message: c.message(), response: c.response(),
		})
	}
	return all
}()

var _ = Describe("R9: a transient error", Ordered, ContinueOnFailure, func() {
	var (
		env     *testEnv
		history *statusHistory
		entries []TableEntry
	)
	for _, t := range transientErrors {
		entries = append(entries, Entry(strings.ReplaceAll(t.name, "-", " "), t))
	}
	// All errors are injected at once, so that their back-offs overlap. Each has its own account, because the errors
	// together would make one account Unreachable.
	BeforeAll(func() {
		env, history = newRecordedTestEnv()
		env.start()
		for _, t := range transientErrors {
			env.deepcall.Script(t.fault.ForAgent(t.name), t.fault.ForAgent(t.twice()).Times(2))
			env.createAccount(t.account(env.url))
			for _, name := range []string{t.name, t.twice()} {
				env.create(testenv.Mapping(name).Account(t.name).Agent(name).Group("90", true).Build())
			}
		}
	})

	DescribeTable("is reported once and retried with back-off until DeepCall confirms", func(t transientError) {
		By("failing once")
		Eventually(history.ofMapping(t.name)).Should(Equal([]observation{t.observation(), synced}))
		requests := env.requestsFor(t.name)
		Expect(requests).To(HaveLen(2))
		Expect(requests[1].Start.Sub(requests[0].Start)).To(BeNumerically(">=", time.Second))

		By("failing twice, which is reported once")
		Eventually(history.ofMapping(t.twice())).Should(Equal([]observation{t.observation(), synced}))
		requests = env.requestsFor(t.twice())
		Expect(requests).To(HaveLen(3))
		Expect(requests[1].Start.Sub(requests[0].Start)).To(BeNumerically(">=", time.Second))
		Expect(requests[2].Start.Sub(requests[1].Start)).To(BeNumerically(">=", 2*time.Second))

		for _, agent := range []string{t.name, t.twice()} {
			Expect(env.deepcall.Agent(agent)).To(Equal(map[string]string{"90": "Y"}))
		}
		Expect(conditionsOf(history.ofAccount(t.name)())).To(Equal([]string{"Ready=True Untried", "Ready=True Usable"}))
	}, entries)

	It("is a timeout if no response arrives within the account's requestTimeout", func() {
		for agent, outcome := range map[string]string{
			"hang": "client left before applying", "hang-after-applying": "client left after applying",
		} {
			request := env.requestsFor(agent)[0]
			Expect(request.Outcome).To(Equal(outcome))
			Expect(request.End.Sub(request.Start)).To(And(BeNumerically(">", 500*time.Millisecond), BeNumerically("<", 8*time.Second)))
		}
	})

	It("causes no other request, and redirects are not followed", func() {
		env.expectRequests(5 * len(transientErrors))
		for _, request := range env.requests() {
			Expect(request.Method).To(Equal(http.MethodPost))
		}
		Expect(env.deepcall.Overlaps()).To(BeZero(), "concurrent requests for one agent")
	})
})
