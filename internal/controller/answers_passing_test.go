package controller_test

import (
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// passing is an answer, or the lack of one, that may pass by itself.
type passing struct {
	name    string // of the account, the mapping and the agent that get it
	fault   deepcalltest.Fault
	reason  string
	message string
	answer  string // DeepCall's, where there is one
	// refusedForSure is true when DeepCall can't have applied the request.
	refusedForSure bool
	// timeout is the account's requestTimeout, if not the default.
	timeout time.Duration
}

func (p passing) twice() string { return p.name + "-twice" }

func (p passing) failing() sight {
	return sight{
		conditions: "Ready=False " + p.reason + " Reconciling", message: p.message,
		answer: p.answer, uncertain: !p.refusedForSure,
	}
}

func (p passing) account(endpoint string) *testenv.AccountBuilder {
	builder := testenv.Account(p.name, endpoint)
	if p.timeout > 0 {
		builder.Timeout(p.timeout)
	}
	return builder
}

func elsewhere(status int) deepcalltest.Fault {
	return deepcalltest.Status(status).WithHeader("Location", "/elsewhere"+deepcalltest.Path)
}

func late(name string, fault deepcalltest.Fault) passing {
	return passing{
		name: name, fault: fault, timeout: time.Second,
		reason: "Timeout", message: "DeepCall did not answer in time",
	}
}

func unreadable(name, body string) passing {
	return passing{
		name: name, fault: deepcalltest.Body([]byte(body)),
		reason: "UnreadableAnswer", message: "DeepCall's answer could not be read",
	}
}

var passingAnswers = func() []passing {
	all := []passing{
		{
			name: "unknown-code-9999", fault: deepcalltest.Code(9999), reason: "UnknownCode",
			message: "DeepCall error 9999: unknown code", answer: "9999 Unknown error",
		},
		{
			name: "unknown-code-1531", fault: deepcalltest.Code(1531), reason: "UnknownCode",
			message: "DeepCall error 1531: unknown code", answer: "1531 Unknown error",
		},

		{name: "http-429", fault: deepcalltest.Status(429), reason: "TooManyRequests", message: "DeepCall answered HTTP 429", refusedForSure: true},
		{name: "http-500", fault: deepcalltest.Status(500), reason: "ServerError", message: "DeepCall answered HTTP 500"},
		{name: "http-503", fault: deepcalltest.Status(503), reason: "ServerError", message: "DeepCall answered HTTP 503"},
		{name: "http-503-though-applied", fault: deepcalltest.Status(503).AfterApplying(), reason: "ServerError", message: "DeepCall answered HTTP 503"},
		{
			name: "http-500-with-code-1505", fault: deepcalltest.Fault{Status: 500, Code: 1505}, reason: "ServerError",
			message: "DeepCall answered HTTP 500", answer: "1505 Invalid group data",
		},
		{name: "http-404", fault: deepcalltest.Status(404), reason: "UnexpectedStatus", message: "DeepCall answered HTTP 404"},

		{name: "redirect-301", fault: elsewhere(301), reason: "Redirected", message: "DeepCall answered HTTP 301"},
		{name: "redirect-302", fault: elsewhere(302), reason: "Redirected", message: "DeepCall answered HTTP 302"},
		{name: "redirect-307", fault: elsewhere(307), reason: "Redirected", message: "DeepCall answered HTTP 307"},
		{name: "redirect-308", fault: elsewhere(308), reason: "Redirected", message: "DeepCall answered HTTP 308"},

		{name: "cut-before-applying", fault: deepcalltest.CutBefore(), reason: "ConnectionFailed", message: "The connection to DeepCall failed"},
		{name: "cut-after-applying", fault: deepcalltest.CutAfter(), reason: "ConnectionFailed", message: "The connection to DeepCall failed"},

		late("hang", deepcalltest.Hang()),
		late("hang-after-applying", deepcalltest.Hang().AfterApplying()),
		late("drip", deepcalltest.Drip(100*time.Millisecond)),

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
	for _, c := range codesOn(nobody) {
		all = append(all, passing{name: c.name(), fault: deepcalltest.Code(c.number), reason: c.reason, message: c.message(), answer: c.answer()})
	}
	return all
}()

var _ = Describe("R9: an answer that may pass by itself", Ordered, ContinueOnFailure, func() {
	var (
		w       *world
		seen    *diary
		entries []TableEntry
	)
	for _, p := range passingAnswers {
		entries = append(entries, Entry(strings.ReplaceAll(p.name, "-", " "), p))
	}
	// All wait out their back-off together. Each has an account of its own, so that none is
	// Unreachable for the others' failures.
	BeforeAll(func() {
		w = emptyWorld()
		seen = keepDiary(w)
		w.start()
		for _, p := range passingAnswers {
			w.deepcall.Script(p.fault.ForAgent(p.name), p.fault.ForAgent(p.twice()).Times(2))
			w.createAccount(p.account(w.url))
			for _, mapping := range []string{p.name, p.twice()} {
				w.create(testenv.Mapping(mapping).Account(p.name).Agent(mapping).Group("90", true).Build())
			}
		}
	})

	DescribeTable("is told once, in its words, and tried again until DeepCall confirms", func(p passing) {
		By("failing once, and succeeding with the second call")
		Eventually(seen.ofMapping(p.name)).Should(Equal([]sight{p.failing(), synced}))
		calls := w.deepcall.CallsFor(p.name)
		Expect(calls).To(HaveLen(2))
		Expect(calls[1].Start.Sub(calls[0].Start)).To(BeNumerically(">=", time.Second))

		By("failing twice in the same words, and succeeding with the third call")
		Eventually(seen.ofMapping(p.twice())).Should(Equal([]sight{p.failing(), synced}))
		calls = w.deepcall.CallsFor(p.twice())
		Expect(calls).To(HaveLen(3))
		Expect(calls[1].Start.Sub(calls[0].Start)).To(BeNumerically(">=", time.Second))
		Expect(calls[2].Start.Sub(calls[1].Start)).To(BeNumerically(">=", 2*time.Second))

		for _, agent := range []string{p.name, p.twice()} {
			Expect(w.deepcall.Agent(agent)).To(Equal(map[string]string{"90": "Y"}))
		}
		Expect(conditionsOf(seen.ofAccount(p.name)())).To(Equal([]string{"Ready=True Untried", "Ready=True Usable"}))
	}, entries)

	It("is given up after the account's requestTimeout when it doesn't come", func() {
		for agent, outcome := range map[string]string{
			"hang": "client left before applying", "hang-after-applying": "client left after applying",
		} {
			call := w.deepcall.CallsFor(agent)[0]
			Expect(call.Outcome).To(Equal(outcome))
			Expect(call.End.Sub(call.Start)).To(And(BeNumerically(">", 500*time.Millisecond), BeNumerically("<", 8*time.Second)))
		}
	})

	It("leads to no other call, and nowhere else", func() {
		w.settled(5 * len(passingAnswers))
		for _, call := range w.deepcall.Calls() {
			Expect(call.Method).To(Equal(http.MethodPost))
		}
		Expect(w.deepcall.Overlaps()).To(BeZero(), "calls for one agent at the same time")
	})
})

var _ = Describe("R10: an answer with a Retry-After", func() {
	DescribeTable("holds the whole account for as long as it says", func(status int, reason, message string) {
		w := emptyWorld()
		seen := keepDiary(w)
		w.deepcall.Script(deepcalltest.Status(status).RetryAfter("2"))
		w.start()
		w.createAccount(testenv.Account("acme", w.url))
		w.create(testenv.Mapping("asha").Agent("7").Group("90", true).Build())
		Eventually(seen.ofMapping("asha")).Should(HaveLen(1))
		w.create(testenv.Mapping("ben").Agent("8").Group("90", true).Build())
		w.eventually("asha", "Ready=True Synced")
		w.eventually("ben", "Ready=True Synced")

		failing := sight{conditions: "Ready=False " + reason + " Reconciling", message: message, uncertain: status != 429}
		Eventually(seen.ofMapping("asha")).Should(Equal([]sight{failing, synced}))
		Eventually(seen.ofMapping("ben")).Should(Equal([]sight{synced}), "nothing is wrong with it")
		w.settled(3)
		calls := w.deepcall.Calls()
		Expect(calls[0].Agent).To(Equal("7"))
		Expect(calls[1].Start.Sub(calls[0].Start)).To(BeNumerically(">=", 2*time.Second))
		Expect(calls[2].Start).NotTo(BeTemporally("<", calls[1].End), "the next call is a single probe")
	},
		Entry("HTTP 429", 429, "TooManyRequests", "DeepCall answered HTTP 429"),
		Entry("HTTP 503", 503, "ServerError", "DeepCall answered HTTP 503"),
	)

	It("does not keep a deletion from saying what it waits for", func() {
		w := emptyWorld()
		w.start()
		w.createAccount(testenv.Account("acme", w.url))
		w.create(testenv.Mapping("asha").Agent("7").Group("90", true).Build())
		mapping := w.eventually("asha", "Ready=True Synced")
		w.deepcall.Script(deepcalltest.Status(http.StatusTooManyRequests).RetryAfter("600"))
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.Groups[0].ReceiveCall = false })
		w.eventually("asha", "Ready=False TooManyRequests Reconciling")
		w.delete(mapping)
		Eventually(func() string { return lookAt(w.mapping("asha")).message }).Should(Equal("DeepCall answered HTTP 429" + andHowToDelete))
		w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan })
		w.eventuallyGone("asha")
	})
})
