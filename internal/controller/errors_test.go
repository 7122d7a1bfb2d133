package controller_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// errorClass decides how the operator handles an error.
type errorClass string

const (
	rejected  errorClass = "Rejected"  // reported on the mapping, not retried
	denied    errorClass = "Denied"    // reported on the account, no further requests with these credentials
	transient errorClass = "Transient" // retried
)

// code is a DeepCall error code. The table is written by hand from the vendor's documentation and R9, so that it
// detects mistakes in the operator's own catalogue.
type code struct {
	number int
	class  errorClass
	reason string // of the conditions
	text   string // from DeepCall
}

func (c code) message() string  { return fmt.Sprintf("DeepCall error %d: %s", c.number, c.text) }
func (c code) response() string { return fmt.Sprintf("%d %s", c.number, c.text) }
func (c code) name() string     { return fmt.Sprintf("code-%d", c.number) }

// unknownAgentCodes mean that the agent does not exist: a deletion succeeds.
var unknownAgentCodes = []int{1003, 1507, 1509}

var codes = []code{
	{1000, rejected, "InvalidParameters", "Invalid parameters"},
	{1001, rejected, "InvalidDataType", "Invalid data type"},
	{1002, denied, "UserIDNotProvided", "UserId not provided"},
	{1003, rejected, "AgentDoesNotExist", "AgentId does not exist"},
	{1014, denied, "InvalidToken", "Invalid token (invalid or expired)"},
	{1015, denied, "PermissionDenied", "Permission denied"},
	{1020, denied, "TokenNotFound", "Token not found"},
	{1032, transient, "InternalServerError", "Internal server error"},
	{1039, denied, "UserAccountSuspended", "User account suspended"},
	{1047, rejected, "InvalidRequest", "Invalid request (empty body)"},
	{1501, transient, "DataAlreadyInProcessing", "Data already in processing"},
	{1502, rejected, "InvalidFilterValue", "Invalid filter value"},
	{1503, rejected, "InvalidRoleID", "Invalid role id"},
	{1504, rejected, "InvalidParent", "Invalid parent"},
	{1505, rejected, "InvalidGroupData", "Invalid group data"},
	{1506, rejected, "AgentIDAndParentCouldNotBeSame", "AgentId and parent could not be same"},
	{1507, rejected, "InvalidAgentID", "Invalid AgentID"},
	{1508, rejected, "InvalidStatusValue", "Invalid status value"},
	{1509, rejected, "InvalidAgentID", "Invalid agentId"},
	{1510, rejected, "InvalidDestination", "Invalid Destination"},
	{1511, rejected, "WorkingTimeFormatIsInvalid", "Working time format is invalid"},
	{1512, rejected, "EmailAlreadyExists", "Email already exists"},
	{1513, rejected, "InvalidType", "Invalid type"},
	{1514, rejected, "InvalidMobileNumber", "Invalid mobile Number"},
	{1515, rejected, "InvalidName", "Invalid Name"},
	{1516, rejected, "InvalidDIDNumber", "Invalid Did Number"},
	{1517, rejected, "AgentIDAndLoginIDMustBeSame", "Your agentid and your loginid must be same"},
	{1518, transient, "DataCouldNotBeUpdated", "Data could not be updated"},
	{1519, rejected, "CallPasswordMustBeIntegerAndEightDigit", "Call Password must be Integer and Eight digit"},
	{1520, rejected, "MustBeSingleFieldUpdate", "You must be single field update"},
	{1521, rejected, "ProvideOnlyValidFields", "Please Provide Only Valid fields"},
	{1522, transient, "DataCouldNotBeInserted", "You could not inserted your data. Please try again"},
	{1523, rejected, "AgentInformationAlreadyAdded", "Your agent information is already added"},
	{1524, rejected, "InvalidAction", "Invalid Action"},
	{1525, rejected, "InvalidTargetAgentID", "Invalid Targetagent Id"},
	{1526, rejected, "InvalidID", "Invalid Id"},
	{1527, rejected, "InvalidType", "Invalid Type"},
	{1528, rejected, "InvalidFavoriteData", "Invalid Favorite Data"},
	{1529, rejected, "InvalidDomain", "Invalid Domain"},
	{1530, rejected, "InvalidAgentTiming", "Invalid Agent Timing"},
}

func codesOf(class errorClass) []code {
	var found []code
	for _, c := range codes {
		if c.class == class {
			found = append(found, c)
		}
	}
	return found
}

// accountNotReady is the observation of a mapping whose account is denied.
func accountNotReady(account, response string) observation {
	return observation{
		conditions: "Ready=False AccountNotReady Reconciling",
		message:    fmt.Sprintf("The DeepCallAccount %q can't be used now; kubectl describe dca %[1]s shows the reason", account),
		response:   response,
	}
}

var _ = Describe("R9: a code that rejects the mapping", Ordered, ContinueOnFailure, func() {
	var (
		env              *testEnv
		history          *statusHistory
		expectedRequests int
		entries          []TableEntry
	)
	for _, c := range codesOf(rejected) {
		entries = append(entries, Entry(c.response(), c))
	}
	BeforeAll(func() {
		env, history = newRecordedTestEnv()
		env.setup()
	})

	DescribeTable("is reported after one request, and is retried once per requested resync", func(c code) {
		env.deepcall.Script(deepcalltest.Code(c.number).ForAgent(c.name()).Times(-1))
		env.create(testenv.Mapping(c.name()).Agent(c.name()).Group("90", true).Build())
		Eventually(history.ofMapping(c.name())).Should(Equal([]observation{
			{conditions: "Ready=False " + c.reason + " Stalled", message: c.message(), response: c.response()},
		}))
		Expect(env.requestsFor(c.name())).To(HaveLen(1))
		first := env.mapping(c.name())
		Expect(first.Status.AppliedGroups).To(BeEmpty())
		Expect(first.Status.LastSyncTime).To(BeNil())
		Expect(env.account("acme").Status.Conditions).To(HaveLen(1), "the account has no condition other than Ready")

		env.requestAndWait(c.name(), "now")
		Expect(env.requestsFor(c.name())).To(HaveLen(2))
		Expect(env.mapping(c.name()).Status.Conditions).To(Equal(first.Status.Conditions), "the same error leads to the same conditions")
		expectedRequests += 2
	}, entries)

	It("is not retried otherwise, and does not affect the account", func() {
		Consistently(env.requestCount, 2*time.Second).Should(Equal(expectedRequests))
		Expect(conditionsOf(history.ofAccount("acme")())).To(Equal([]string{"Ready=True Untried", "Ready=True Usable"}))
	})
})

var _ = Describe("R9 and R10: a response that denies the account", Ordered, ContinueOnFailure, func() {
	var (
		env              *testEnv
		history          *statusHistory
		expectedRequests int
	)
	entries := []TableEntry{
		Entry("HTTP 401", "http-401", deepcalltest.Status(401), "Unauthorized", "DeepCall answered HTTP 401", ""),
		Entry("HTTP 403", "http-403", deepcalltest.Status(403), "Forbidden", "DeepCall answered HTTP 403", ""),
		Entry("HTTP 401 with a code", "http-401-1014", deepcalltest.Fault{Status: 401, Code: 1014},
			"Unauthorized", "DeepCall answered HTTP 401", "1014 Invalid token (invalid or expired)"),
		Entry("HTTP 403 with a page", "http-403-page", deepcalltest.Fault{Status: 403, Body: []byte("<html>no</html>")},
			"Forbidden", "DeepCall answered HTTP 403", ""),
	}
	for _, c := range codesOf(denied) {
		entries = append(entries, Entry(c.response(), c.name(), deepcalltest.Code(c.number), c.reason, c.message(), c.response()))
	}
	BeforeAll(func() {
		env, history = newRecordedTestEnv()
		env.start()
	})

	DescribeTable("is reported on the account after one request for all its mappings",
		func(name string, fault deepcalltest.Fault, reason, message, response string) {
			env.deepcall.Script(fault.ForAgent(name).Times(-1))
			env.createAccount(testenv.Account(name, env.url))
			env.create(testenv.Mapping(name).Account(name).Agent(name).Group("90", true).Build())
			deniedAccount := observation{conditions: "Ready=False " + reason + " Stalled", message: message, response: response}
			Eventually(history.ofMapping(name)).Should(Equal([]observation{accountNotReady(name, response)}))
			Eventually(history.ofAccount(name)).Should(HaveLen(2))
			Expect(history.ofAccount(name)()[0].conditions).To(Equal("Ready=True Untried"))
			Expect(history.ofAccount(name)()[1]).To(Equal(deniedAccount))
			Expect(env.requestsFor(name)).To(HaveLen(1))

			By("requesting a retry, which fails in the same way")
			env.requestAccountReconcile(name, "now")
			Eventually(env.requestsFor).WithArguments(name).Should(HaveLen(2))
			Eventually(func() observation { return observe(env.account(name)) }).Should(Equal(deniedAccount))
			Expect(env.requestsFor(name)).To(HaveLen(2))

			By("adding a mapping, for which no request is sent")
			other := name + "-other"
			env.create(testenv.Mapping(other).Account(name).Agent(other).Group("90", true).Build())
			Eventually(history.ofMapping(other)).Should(Equal([]observation{accountNotReady(name, "")}))
			Expect(env.requestsFor(other)).To(BeEmpty())
			Expect(history.ofMapping(name)()).To(HaveLen(1), "the same error leads to the same status")
			expectedRequests += 2
		}, entries)

	It("is not retried soon", func() {
		Consistently(env.requestCount, 2*time.Second).Should(Equal(expectedRequests))
	})
})

var _ = It("the table of codes lists every documented code once", func() {
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
