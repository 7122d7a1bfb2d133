package controller_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// verdictOn is whom a code speaks of, and so what becomes of the call.
type verdictOn string

const (
	theMapping verdictOn = "the mapping" // refused: told once, and a person has to act
	theAccount verdictOn = "the account" // refused: no further call with these credentials
	nobody     verdictOn = "nobody"      // it may pass by itself: tried again
)

// code is what a person reads of one of DeepCall's codes. The table is written by hand, from the
// vendor's pages and rule R9, so that it can tell when the operator's own catalogue is wrong.
type code struct {
	number int
	on     verdictOn
	reason string // of the conditions
	text   string // DeepCall's
}

func (c code) message() string { return fmt.Sprintf("DeepCall error %d: %s", c.number, c.text) }
func (c code) answer() string  { return fmt.Sprintf("%d %s", c.number, c.text) }
func (c code) name() string    { return fmt.Sprintf("code-%d", c.number) }

var codes = []code{
	{1000, theMapping, "InvalidParameters", "Invalid parameters"},
	{1001, theMapping, "InvalidDataType", "Invalid data type"},
	{1002, theAccount, "UserIDNotProvided", "UserId not provided"},
	{1003, theMapping, "AgentDoesNotExist", "AgentId does not exist"},
	{1014, theAccount, "InvalidToken", "Invalid token (invalid or expired)"},
	{1015, theAccount, "PermissionDenied", "Permission denied"},
	{1020, theAccount, "TokenNotFound", "Token not found"},
	{1032, nobody, "InternalServerError", "Internal server error"},
	{1039, theAccount, "UserAccountSuspended", "User account suspended"},
	{1047, theMapping, "InvalidRequest", "Invalid request (empty body)"},
	{1501, nobody, "DataAlreadyInProcessing", "Data already in processing"},
	{1502, theMapping, "InvalidFilterValue", "Invalid filter value"},
	{1503, theMapping, "InvalidRoleID", "Invalid role id"},
	{1504, theMapping, "InvalidParent", "Invalid parent"},
	{1505, theMapping, "InvalidGroupData", "Invalid group data"},
	{1506, theMapping, "AgentIDAndParentCouldNotBeSame", "AgentId and parent could not be same"},
	{1507, theMapping, "InvalidAgentID", "Invalid AgentID"},
	{1508, theMapping, "InvalidStatusValue", "Invalid status value"},
	{1509, theMapping, "InvalidAgentID", "Invalid agentId"},
	{1510, theMapping, "InvalidDestination", "Invalid Destination"},
	{1511, theMapping, "WorkingTimeFormatIsInvalid", "Working time format is invalid"},
	{1512, theMapping, "EmailAlreadyExists", "Email already exists"},
	{1513, theMapping, "InvalidType", "Invalid type"},
	{1514, theMapping, "InvalidMobileNumber", "Invalid mobile Number"},
	{1515, theMapping, "InvalidName", "Invalid Name"},
	{1516, theMapping, "InvalidDIDNumber", "Invalid Did Number"},
	{1517, theMapping, "AgentIDAndLoginIDMustBeSame", "Your agentid and your loginid must be same"},
	{1518, nobody, "DataCouldNotBeUpdated", "Data could not be updated"},
	{1519, theMapping, "CallPasswordMustBeIntegerAndEightDigit", "Call Password must be Integer and Eight digit"},
	{1520, theMapping, "MustBeSingleFieldUpdate", "You must be single field update"},
	{1521, theMapping, "ProvideOnlyValidFields", "Please Provide Only Valid fields"},
	{1522, nobody, "DataCouldNotBeInserted", "You could not inserted your data. Please try again"},
	{1523, theMapping, "AgentInformationAlreadyAdded", "Your agent information is already added"},
	{1524, theMapping, "InvalidAction", "Invalid Action"},
	{1525, theMapping, "InvalidTargetAgentID", "Invalid Targetagent Id"},
	{1526, theMapping, "InvalidID", "Invalid Id"},
	{1527, theMapping, "InvalidType", "Invalid Type"},
	{1528, theMapping, "InvalidFavoriteData", "Invalid Favorite Data"},
	{1529, theMapping, "InvalidDomain", "Invalid Domain"},
	{1530, theMapping, "InvalidAgentTiming", "Invalid Agent Timing"},
}

// codesOn are those that speak of one of the three.
func codesOn(on verdictOn) []code {
	var found []code
	for _, c := range codes {
		if c.on == on {
			found = append(found, c)
		}
	}
	return found
}

var _ = Describe("R9: a code that refuses the mapping", Ordered, ContinueOnFailure, func() {
	var (
		w        *world
		seen     *diary
		expected int // calls
		entries  []TableEntry
	)
	for _, c := range codesOn(theMapping) {
		entries = append(entries, Entry(c.answer(), c))
	}
	BeforeAll(func() {
		w = emptyWorld()
		seen = keepDiary(w)
		w.create(testenv.UserToken("acme", "1001", "s3cr3t"))
		w.create(testenv.Account("acme", w.url).Limits(1000, 1000, 16).Build())
		w.start()
	})

	DescribeTable("is told in its words, after one call, and a request makes one more", func(c code) {
		w.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		w.create(testenv.Mapping(c.name()).Agent(c.name()).Group("90", true).Build())
		Eventually(seen.ofMapping(c.name())).Should(Equal([]sight{
			{conditions: "Ready=False " + c.reason + " Stalled", message: c.message(), answer: c.answer()},
		}))
		Expect(w.deepcall.CallsFor(c.name())).To(HaveLen(1))
		first := w.mapping(c.name())
		Expect(first.Status.AppliedGroups).To(BeEmpty())
		Expect(first.Status.LastSyncTime).To(BeNil())
		Expect(w.account().Status.Conditions).To(HaveLen(1), "the account only says whether it is Ready")

		w.edit(c.name(), func(m *v1alpha1.AgentGroupMapping) {
			metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, "now")
		})
		Eventually(func() string { return w.mapping(c.name()).Status.LastHandledReconcileAt }).Should(Equal("now"))
		Expect(w.deepcall.CallsFor(c.name())).To(HaveLen(2))
		Expect(w.mapping(c.name()).Status.Conditions).To(Equal(first.Status.Conditions), "the same failure has the same words")
		expected += 2
	}, entries)

	It("is not tried again by itself, and is no matter of the account", func() {
		Consistently(func() int { return len(w.deepcall.Calls()) }, 2*time.Second).Should(Equal(expected))
		Expect(conditionsOf(seen.ofAccount("acme")())).To(Equal([]string{"Ready=True Untried", "Ready=True Usable"}))
	})
})

var _ = Describe("R9 and R10: an answer that refuses the account", Ordered, ContinueOnFailure, func() {
	var (
		w        *world
		seen     *diary
		expected int // calls
	)
	entries := []TableEntry{
		Entry("HTTP 401", "http-401", deepcalltest.Status(401), "Unauthorized", "DeepCall answered HTTP 401", ""),
		Entry("HTTP 403", "http-403", deepcalltest.Status(403), "Forbidden", "DeepCall answered HTTP 403", ""),
		Entry("HTTP 401 with a code", "http-401-1014", deepcalltest.Fault{Status: 401, Code: 1014},
			"Unauthorized", "DeepCall answered HTTP 401", "1014 Invalid token (invalid or expired)"),
		Entry("HTTP 403 with a page", "http-403-page", deepcalltest.Fault{Status: 403, Body: []byte("<html>no</html>")},
			"Forbidden", "DeepCall answered HTTP 403", ""),
	}
	for _, c := range codesOn(theAccount) {
		entries = append(entries, Entry(c.answer(), c.name(), deepcalltest.Code(c.number), c.reason, c.message(), c.answer()))
	}
	BeforeAll(func() {
		w = emptyWorld()
		seen = keepDiary(w)
		w.start()
	})

	DescribeTable("is told by the account, after one call, however many mappings there are",
		func(name string, fault deepcalltest.Fault, reason, message, answer string) {
			w.deepcall.Script(fault.ForAgent(name).Times(-1))
			w.createAccount(testenv.Account(name, w.url))
			w.create(testenv.Mapping(name).Account(name).Agent(name).Group("90", true).Build())
			waiting := sight{
				conditions: "Ready=False AccountNotReady Reconciling",
				message:    fmt.Sprintf("The DeepCallAccount %q can't be used now; kubectl describe dca %[1]s tells why", name),
				answer:     answer,
			}
			refused := sight{conditions: "Ready=False " + reason + " Stalled", message: message, answer: answer}
			Eventually(seen.ofMapping(name)).Should(Equal([]sight{waiting}))
			Eventually(seen.ofAccount(name)).Should(HaveLen(2))
			Expect(seen.ofAccount(name)()[0].conditions).To(Equal("Ready=True Untried"))
			Expect(seen.ofAccount(name)()[1]).To(Equal(refused))
			Expect(w.deepcall.CallsFor(name)).To(HaveLen(1))

			By("asking for another try, which ends in the same words")
			w.requestAccount(name, "now")
			Eventually(func() int { return len(w.deepcall.CallsFor(name)) }).Should(Equal(2))
			Eventually(func() sight { return lookAt(w.accountNamed(name)) }).Should(Equal(refused))
			Expect(w.deepcall.CallsFor(name)).To(HaveLen(2))

			By("adding a mapping, for which no call is made")
			w.create(testenv.Mapping(name+"-other").Account(name).Agent(name+"-other").Group("90", true).Build())
			waiting.answer = ""
			Eventually(seen.ofMapping(name + "-other")).Should(Equal([]sight{waiting}))
			Expect(w.deepcall.CallsFor(name + "-other")).To(BeEmpty())
			Expect(seen.ofMapping(name)()).To(HaveLen(1), "the same failure has the same words")
			expected += 2
		}, entries)

	It("is not tried again soon", func() {
		Consistently(func() int { return len(w.deepcall.Calls()) }, 2*time.Second).Should(Equal(expected))
	})
})

var _ = Describe("the table of codes", func() {
	It("holds each code that DeepCall documents, once", func() {
		documented := []int{1000, 1001, 1002, 1003, 1014, 1015, 1020, 1032, 1039, 1047}
		for number := 1501; number <= 1530; number++ {
			documented = append(documented, number)
		}
		var listed []int
		for _, c := range codes {
			listed = append(listed, c.number)
		}
		Expect(listed).To(Equal(documented))
	})
})
