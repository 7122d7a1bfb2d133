package deepcall

import (
	"fmt"
	"slices"
)

// Class says what an error means for the caller. Every error is Transient
// unless the catalogue lists it otherwise.
type Class string

const (
	// Transient errors pass by themselves: try again later.
	Transient Class = "Transient"
	// Rejected means that DeepCall refused this mapping: a person changes it.
	Rejected Class = "Rejected"
	// Denied means that DeepCall refused the account, whatever the mapping.
	Denied Class = "Denied"
)

// Entry is one row of the catalogue: one answer, what it means and who acts.
type Entry struct {
	// Code is DeepCall's code; 0 for an answer that carries none.
	Code int
	// Reason is the CamelCase name, fit for a condition's reason.
	Reason string
	// Message is the constant text shown to people; nothing volatile is in it.
	Message string
	// Meaning says in one sentence what happened.
	Meaning string
	// Remedy says in one sentence who acts, and how.
	Remedy string
	// Class says whether to try again, and whose fault it is.
	Class Class
	// Unreachable marks an answer that says nothing about a mapping (network,
	// TLS, time-out, HTTP 429 and 5xx, an unreadable answer).
	Unreachable bool
	// UnknownAgent
	UnknownAgent bool
	// InvalidGroup
	InvalidGroup bool
}

// Sentences that many rows share.
const (
	otherCall   = "This code belongs to other calls of DeepCall. Here it is unexpected: DeepCall did not read the request as its page tells."
	askDeepCall = "Whoever owns the mapping checks spec.agentID and spec.groups, and asks DeepCall's support about this code if both are right."
	byItself    = "Nobody: the operator tries again by itself; if it lasts, ask DeepCall's support."
	fixAgent    = "Whoever owns the mapping creates the agent in DeepCall, or makes a new mapping with the right spec.agentID."
	fixSecret   = "Whoever owns the account corrects the Secret that spec.credentialsSecretRef names."
	fixEndpoint = "Whoever owns the account checks spec.endpoint."
	checkPath   = "Whoever owns the account checks spec.endpoint, and whoever runs the cluster the way there (DNS, firewall, network policy)."
)

// codes are the answers that carry a code: 1501 to 1530 and 1015 from the page
// of the Agent API, version 2, the other from the pages of DeepCall's other calls.
// Which class a code has is rule R9 of the design.
var codes = []Entry{
	coded(1000, "InvalidParameters", "Invalid parameters", Rejected,
		"DeepCall misses a parameter or does not accept one.", askDeepCall),
	coded(1001, "InvalidDataType", "Invalid data type", Rejected,
		"DeepCall does not accept the type of a parameter.", askDeepCall),
	coded(1002, "UserIDNotProvided", "UserId not provided", Denied,
		"DeepCall found no user ID in the request.", fixSecret),
	coded(1003, "AgentDoesNotExist", "AgentId does not exist", Rejected,
		"DeepCall knows no agent with this ID.", fixAgent),
	coded(1014, "InvalidToken", "Invalid token (invalid or expired)", Denied,
		"DeepCall does not accept the token, or it has expired.",
		"Whoever owns the account puts a new token into the Secret that spec.credentialsSecretRef names."),
	coded(1015, "PermissionDenied", "Permission denied", Denied,
		"The user of the account may not change the groups of agents, or the credentials are wrong.",
		"Whoever owns the account has the user permitted in DeepCall, or corrects the Secret."),
	coded(1020, "TokenNotFound", "Token not found", Denied,
		"DeepCall does not know the token.", fixSecret),
	coded(1032, "InternalServerError", "Internal server error", Transient,
		"DeepCall failed inside.", byItself),
	coded(1039, "UserAccountSuspended", "User account suspended", Denied,
		"The account's user is suspended in DeepCall.",
		"Whoever owns the account has the user reactivated in DeepCall, or uses another user."),
	coded(1047, "InvalidRequest", "Invalid request (empty body)", Rejected,
		"DeepCall found no body in the request; something on the way may have dropped it.", askDeepCall),

	coded(1501, "DataAlreadyInProcessing", "Data already in processing", Transient,
		"DeepCall is still at work on an earlier change.", byItself),
	coded(1502, "InvalidFilterValue", "Invalid filter value", Rejected, otherCall, askDeepCall),
	coded(1503, "InvalidRoleID", "Invalid role id", Rejected, otherCall, askDeepCall),
	coded(1504, "InvalidParent", "Invalid parent", Rejected, otherCall, askDeepCall),
	coded(1505, "InvalidGroupData", "Invalid group data", Rejected,
		"DeepCall does not accept the groups: most often one of them does not exist there.",
		"Whoever owns the mapping corrects spec.groups, or creates the group in DeepCall."),
	coded(1506, "AgentIDAndParentCouldNotBeSame", "AgentId and parent could not be same", Rejected, otherCall, askDeepCall),
	coded(1507, "InvalidAgentID", "Invalid AgentID", Rejected,
		"DeepCall knows no agent with this ID.", fixAgent),
	coded(1508, "InvalidStatusValue", "Invalid status value", Rejected, otherCall, askDeepCall),
	coded(1509, "InvalidAgentID", "Invalid agentId", Rejected,
		"DeepCall knows no agent with this ID.", fixAgent),
	coded(1510, "InvalidDestination", "Invalid Destination", Rejected, otherCall, askDeepCall),
	coded(1511, "WorkingTimeFormatIsInvalid", "Working time format is invalid", Rejected, otherCall, askDeepCall),
	coded(1512, "EmailAlreadyExists", "Email already exists", Rejected, otherCall, askDeepCall),
	coded(1513, "InvalidType", "Invalid type", Rejected, otherCall, askDeepCall),
	coded(1514, "InvalidMobileNumber", "Invalid mobile Number", Rejected, otherCall, askDeepCall),
	coded(1515, "InvalidName", "Invalid Name", Rejected, otherCall, askDeepCall),
	coded(1516, "InvalidDIDNumber", "Invalid Did Number", Rejected, otherCall, askDeepCall),
	coded(1517, "AgentIDAndLoginIDMustBeSame", "Your agentid and your loginid must be same", Rejected, otherCall, askDeepCall),
	coded(1518, "DataCouldNotBeUpdated", "Data could not be updated", Transient,
		"DeepCall could not store the change.", byItself),
	coded(1519, "CallPasswordMustBeIntegerAndEightDigit", "Call Password must be Integer and Eight digit", Rejected, otherCall, askDeepCall),
	coded(1520, "MustBeSingleFieldUpdate", "You must be single field update", Rejected, otherCall, askDeepCall),
	coded(1521, "ProvideOnlyValidFields", "Please Provide Only Valid fields", Rejected, otherCall, askDeepCall),
	coded(1522, "DataCouldNotBeInserted", "You could not inserted your data. Please try again", Transient,
		"DeepCall could not store the change.", byItself),
	coded(1523, "AgentInformationAlreadyAdded", "Your agent information is already added", Rejected, otherCall, askDeepCall),
	coded(1524, "InvalidAction", "Invalid Action", Rejected, otherCall, askDeepCall),
	coded(1525, "InvalidTargetAgentID", "Invalid Targetagent Id", Rejected, otherCall, askDeepCall),
	coded(1526, "InvalidID", "Invalid Id", Rejected,
		"DeepCall does not accept one of the IDs in the request.", askDeepCall),
	coded(1527, "InvalidType", "Invalid Type", Rejected, otherCall, askDeepCall),
	coded(1528, "InvalidFavoriteData", "Invalid Favorite Data", Rejected, otherCall, askDeepCall),
	coded(1529, "InvalidDomain", "Invalid Domain", Rejected, otherCall, askDeepCall),
	coded(1530, "InvalidAgentTiming", "Invalid Agent Timing", Rejected, otherCall, askDeepCall),
}

// The answers that carry no code. The messages of UnknownCode and of the rows for
// several statuses get their number when they are returned: unknownCode, withStatus.
var (
	entryUnknownCode = Entry{
		Reason: "UnknownCode", Message: "DeepCall error: unknown code", Class: Transient,
		Meaning: "DeepCall answered with a code that its documentation does not list.",
		Remedy:  "Whoever owns the mapping asks DeepCall's support about this code; the operator keeps trying.",
	}
	entryCanceled = Entry{
		Reason: "Canceled", Message: "The call to DeepCall was canceled", Class: Transient,
		Meaning: "The operator gave the call up, because it stops or lost its lease.", Remedy: byItself,
	}

	entryUnauthorized = Entry{
		Reason: "Unauthorized", Message: "DeepCall answered HTTP 401", Class: Denied,
		Meaning: "DeepCall does not accept the credentials.", Remedy: fixSecret,
	}
	entryForbidden = Entry{
		Reason: "Forbidden", Message: "DeepCall answered HTTP 403", Class: Denied,
		Meaning: "DeepCall refuses the account, or a firewall before it refuses the operator.",
		Remedy:  "Whoever owns the account has the user and the cluster's address permitted in DeepCall.",
	}
	entryTooManyRequests = Entry{
		Reason: "TooManyRequests", Message: "DeepCall answered HTTP 429", Class: Transient, Unreachable: true,
		Meaning: "DeepCall wants fewer calls.",
		Remedy:  "Nobody: the operator waits; if it lasts, whoever owns the account lowers spec.limits.",
	}
	entryServerError = Entry{
		Reason: "ServerError", Message: "DeepCall answered HTTP 5xx", Class: Transient, Unreachable: true,
		Meaning: "DeepCall, or a proxy before it, failed.", Remedy: byItself,
	}
	entryRedirected = Entry{
		Reason: "Redirected", Message: "DeepCall answered HTTP 3xx", Class: Transient, Unreachable: true,
		Meaning: "The endpoint points elsewhere, and credentials are sent nowhere but to the endpoint.", Remedy: fixEndpoint,
	}
	entryUnexpectedStatus = Entry{
		Reason: "UnexpectedStatus", Message: "DeepCall answered with an unexpected HTTP status", Class: Transient, Unreachable: true,
		Meaning: "What answered does not behave like DeepCall's API.", Remedy: fixEndpoint,
	}
	entryUnreadableAnswer = Entry{
		Reason: "UnreadableAnswer", Message: "DeepCall's answer could not be read", Class: Transient, Unreachable: true,
		Meaning: "The answer was cut, too long, or not of the documented form, so what it says is not known.", Remedy: fixEndpoint,
	}

	entryTimeout = Entry{
		Reason: "Timeout", Message: "DeepCall did not answer in time", Class: Transient, Unreachable: true,
		Meaning: "No complete answer came within spec.requestTimeout.", Remedy: byItself,
	}
	entryConnectionFailed = Entry{
		Reason: "ConnectionFailed", Message: "The connection to DeepCall failed", Class: Transient, Unreachable: true,
		Meaning: "The name did not resolve, the connection was refused, or it broke.", Remedy: checkPath,
	}
	entryTLSFailed = Entry{
		Reason: "TLSFailed", Message: "No secure connection to DeepCall could be made", Class: Transient, Unreachable: true,
		Meaning: "The server's certificate is not trusted, or the TLS handshake failed.",
		Remedy:  "Whoever owns the account checks spec.endpoint and spec.caBundle.",
	}
	entryEndpointNotAllowed = Entry{
		Reason: "EndpointNotAllowed", Message: "The endpoint's address is not allowed", Class: Transient, Unreachable: true,
		Meaning: "The endpoint's name resolves to a loopback, link-local, unspecified or multicast address.",
		Remedy:  "Whoever owns the account corrects spec.endpoint, or the name's address in DNS; for development, the operator can run with --allow-insecure-endpoints.",
	}
)

var byCode = func() map[int]Entry {
	m := make(map[int]Entry, len(codes))
	for _, e := range codes {
		e.InvalidGroup = e.Code == 1505
		e.UnknownAgent = e.Code == 1003 || e.Code == 1507 || e.Code == 1509
		m[e.Code] = e
	}
	return m
}()

// Lookup returns the row of a code that DeepCall is known to give.
func Lookup(code int) (Entry, bool) {
	e, ok := byCode[code]
	return e, ok
}

// Catalogue returns every row: those with a code by code, then those without.
func Catalogue() []Entry {
	return append(slices.Clone(codes),
		entryUnknownCode, entryUnreadableAnswer,
		entryUnauthorized, entryForbidden, entryTooManyRequests, entryServerError, entryRedirected, entryUnexpectedStatus,
		entryTimeout, entryConnectionFailed, entryTLSFailed, entryEndpointNotAllowed, entryCanceled)
}

func coded(code int, reason, description string, class Class, meaning, remedy string) Entry {
	return Entry{
		Code: code, Reason: reason, Message: fmt.Sprintf("DeepCall error %d: %s", code, description),
		Meaning: meaning, Remedy: remedy, Class: class,
	}
}

// unknownCode is the row of an error whose code the catalogue does not list.
func unknownCode(code int) Entry {
	e := entryUnknownCode
	e.Code, e.Message = code, fmt.Sprintf("DeepCall error %d: unknown code", code)
	return e
}

// withStatus names the HTTP status in the message of a row for several.
func withStatus(e Entry, status int) Entry {
	e.Message = fmt.Sprintf("DeepCall answered HTTP %d", status)
	return e
}
