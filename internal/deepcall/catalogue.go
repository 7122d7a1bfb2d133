package deepcall

import (
	"cmp"
	"fmt"
	"slices"
)

// Class is the class of an error. Every error is Transient unless the catalogue lists it otherwise.
type Class string

const (
	// Transient errors pass: the request is retried.
	Transient Class = "Transient"
	// Rejected means that DeepCall rejects the mapping, which its owner changes.
	Rejected Class = "Rejected"
	// Denied means that DeepCall rejects the account, whatever the mapping.
	Denied Class = "Denied"
)

// Entry is an entry of the catalogue: the meaning and the remedy of one answer.
type Entry struct {
	// Code is DeepCall's code, 0 for an answer without a code.
	Code int
	// Reason is the reason of a condition.
	Reason string
	// Description is DeepCall's text for the code, empty without a code.
	Description string
	// Message is the message of a condition. It contains no volatile text.
	Message string
	// Meaning is a sentence that explains the answer.
	Meaning string
	// Remedy is a sentence that names who acts, and how.
	Remedy string
	Class  Class
	// Unreachable marks an answer that is not about a mapping: network, TLS, time-out, HTTP 429 and 5xx, unreadable.
	Unreachable bool
	// UnknownAgent marks an answer that the agent does not exist.
	UnknownAgent bool
	// InvalidGroup marks an answer that rejects the groups.
	InvalidGroup bool
}

// Sentences that entries share.
const (
	otherRequest = "This code belongs to DeepCall's other requests and is unexpected here: DeepCall did not process the request as documented."
	askDeepCall  = "The mapping's owner checks spec.agentID and spec.groups, and contacts DeepCall support about this code if both are right."
	noAction     = "No action is needed: the operator retries; if it lasts, contact DeepCall support."
	fixAgent     = "The mapping's owner creates the agent in DeepCall, or creates a new mapping with the right spec.agentID."
	fixLogin     = "The account's owner corrects the Secret that spec.credentialsSecretRef names."
	fixEndpoint  = "The account's owner checks spec.endpoint."
	checkNetwork = "The account's owner checks spec.endpoint, and the cluster's administrator the network path to it (DNS, proxy, firewall, network policy)."
)

// codes are the entries with a code, in its order: 1015 and those from 1501 on are from the page of the Agent API, version 2, the
// others from the pages of DeepCall's other requests.
var codes = withMessages([]Entry{
	{Code: 1000, Reason: "InvalidParameters", Description: "Invalid parameters", Class: Rejected, Meaning: "A parameter is missing, or DeepCall does not accept it.", Remedy: askDeepCall},
	{Code: 1001, Reason: "InvalidDataType", Description: "Invalid data type", Class: Rejected, Meaning: "DeepCall does not accept the type of a parameter.", Remedy: askDeepCall},
	{Code: 1002, Reason: "UserIDNotProvided", Description: "UserId not provided", Class: Denied, Meaning: "DeepCall found no user ID in the request.", Remedy: fixLogin},
	{Code: 1003, Reason: "AgentDoesNotExist", Description: "AgentId does not exist", Class: Rejected, UnknownAgent: true, Meaning: "DeepCall knows no agent with this ID.", Remedy: fixAgent},
	{
		Code: 1014, Reason: "InvalidToken", Description: "Invalid token (invalid or expired)", Class: Denied,
		Meaning: "DeepCall does not accept the token, or it has expired.",
		Remedy:  "The account's owner puts a new token into the Secret that spec.credentialsSecretRef names.",
	},
	{
		Code: 1015, Reason: "PermissionDenied", Description: "Permission denied", Class: Denied,
		Meaning: "The account's user has no permission to change the groups of agents, or the credentials are wrong.",
		Remedy:  "The account's owner grants the user the permission in DeepCall, or corrects the Secret.",
	},
	{Code: 1020, Reason: "TokenNotFound", Description: "Token not found", Class: Denied, Meaning: "DeepCall does not know the token.", Remedy: fixLogin},
	{Code: 1032, Reason: "InternalServerError", Description: "Internal server error", Class: Transient, Meaning: "DeepCall failed internally.", Remedy: noAction},
	{
		Code: 1039, Reason: "UserAccountSuspended", Description: "User account suspended", Class: Denied,
		Meaning: "The account's user is suspended in DeepCall.",
		Remedy:  "The account's owner reactivates the user in DeepCall, or uses another user.",
	},
	{
		Code: 1047, Reason: "InvalidRequest", Description: "Invalid request (empty body)", Class: Rejected,
		Meaning: "DeepCall received no body; something on the way can have dropped it.", Remedy: askDeepCall,
	},

	{Code: 1501, Reason: "DataAlreadyInProcessing", Description: "Data already in processing", Class: Transient, Meaning: "DeepCall is still processing an earlier change.", Remedy: noAction},
	{Code: 1502, Reason: "InvalidFilterValue", Description: "Invalid filter value", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1503, Reason: "InvalidRoleID", Description: "Invalid role id", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1504, Reason: "InvalidParent", Description: "Invalid parent", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{
		Code: 1505, Reason: "InvalidGroupData", Description: "Invalid group data", Class: Rejected, InvalidGroup: true,
		Meaning: "DeepCall does not accept the groups: most often one of them does not exist there.",
		Remedy:  "The mapping's owner corrects spec.groups, or creates the group in DeepCall.",
	},
	{Code: 1506, Reason: "AgentIDAndParentCouldNotBeSame", Description: "AgentId and parent could not be same", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1507, Reason: "InvalidAgentID", Description: "Invalid AgentID", Class: Rejected, UnknownAgent: true, Meaning: "DeepCall knows no agent with this ID.", Remedy: fixAgent},
	{Code: 1508, Reason: "InvalidStatusValue", Description: "Invalid status value", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1509, Reason: "InvalidAgentID", Description: "Invalid agentId", Class: Rejected, UnknownAgent: true, Meaning: "DeepCall knows no agent with this ID.", Remedy: fixAgent},
	{Code: 1510, Reason: "InvalidDestination", Description: "Invalid Destination", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1511, Reason: "WorkingTimeFormatIsInvalid", Description: "Working time format is invalid", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1512, Reason: "EmailAlreadyExists", Description: "Email already exists", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1513, Reason: "InvalidType", Description: "Invalid type", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1514, Reason: "InvalidMobileNumber", Description: "Invalid mobile Number", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1515, Reason: "InvalidName", Description: "Invalid Name", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1516, Reason: "InvalidDIDNumber", Description: "Invalid Did Number", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1517, Reason: "AgentIDAndLoginIDMustBeSame", Description: "Your agentid and your loginid must be same", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1518, Reason: "DataCouldNotBeUpdated", Description: "Data could not be updated", Class: Transient, Meaning: "DeepCall could not store the change.", Remedy: noAction},
	{Code: 1519, Reason: "CallPasswordMustBeIntegerAndEightDigit", Description: "Call Password must be Integer and Eight digit", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1520, Reason: "MustBeSingleFieldUpdate", Description: "You must be single field update", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1521, Reason: "ProvideOnlyValidFields", Description: "Please Provide Only Valid fields", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{
		Code: 1522, Reason: "DataCouldNotBeInserted", Description: "You could not inserted your data. Please try again", Class: Transient,
		Meaning: "DeepCall could not store the change.", Remedy: noAction,
	},
	{Code: 1523, Reason: "AgentInformationAlreadyAdded", Description: "Your agent information is already added", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1524, Reason: "InvalidAction", Description: "Invalid Action", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1525, Reason: "InvalidTargetAgentID", Description: "Invalid Targetagent Id", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1526, Reason: "InvalidID", Description: "Invalid Id", Class: Rejected, Meaning: "DeepCall does not accept one of the IDs in the request.", Remedy: askDeepCall},
	{Code: 1527, Reason: "InvalidType", Description: "Invalid Type", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1528, Reason: "InvalidFavoriteData", Description: "Invalid Favorite Data", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1529, Reason: "InvalidDomain", Description: "Invalid Domain", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
	{Code: 1530, Reason: "InvalidAgentTiming", Description: "Invalid Agent Timing", Class: Rejected, Meaning: otherRequest, Remedy: askDeepCall},
})

// The entries without a code. unknownCode and withStatus set the messages of those for several codes or statuses.
var (
	entryUnknownCode = Entry{
		Reason: "UnknownCode", Message: "DeepCall error: unknown code", Class: Transient,
		Meaning: "DeepCall answered with a code that its documentation does not list.",
		Remedy:  "The mapping's owner contacts DeepCall support about this code; the operator keeps retrying.",
	}
	entryCanceled = Entry{
		Reason: "Canceled", Message: "The request to DeepCall was canceled", Class: Transient,
		Meaning: "The operator stopped or lost its lease before the answer was received.", Remedy: noAction,
	}

	entryUnauthorized = Entry{
		Reason: "Unauthorized", Message: "DeepCall answered HTTP 401", Class: Denied,
		Meaning: "DeepCall does not accept the credentials.", Remedy: fixLogin,
	}
	entryForbidden = Entry{
		Reason: "Forbidden", Message: "DeepCall answered HTTP 403", Class: Denied,
		Meaning: "DeepCall rejects the account, or a firewall in front of it rejects the cluster's address.",
		Remedy:  "The account's owner asks DeepCall support to permit the user and the cluster's address.",
	}
	entryBlocked = Entry{
		Reason: "Blocked", Message: "A proxy or firewall answered HTTP 403", Class: Transient, Unreachable: true,
		Meaning: "HTTP 403 without an answer of DeepCall's own, to credentials that DeepCall accepted before.",
		Remedy:  "The account's owner asks the cluster's administrator to check the proxies and firewalls on the network path, and DeepCall support to permit the cluster's address.",
	}
	entryRequestTooLarge = Entry{
		Reason: "RequestTooLarge", Message: "DeepCall answered HTTP 413", Class: Rejected,
		Meaning: "DeepCall, or a proxy in front of it, does not accept a request of this size.",
		Remedy:  "The mapping's owner declares fewer groups for the agent, or asks the cluster's administrator to raise the proxy's limit.",
	}
	entryTooManyRequests = Entry{
		Reason: "TooManyRequests", Message: "DeepCall answered HTTP 429", Class: Transient, Unreachable: true,
		Meaning: "DeepCall asks for fewer requests.",
		Remedy:  "No action is needed: the operator waits; if it lasts, the account's owner lowers spec.limits.",
	}
	entryServerError = Entry{
		Reason: "ServerError", Message: "DeepCall answered HTTP 5xx", Class: Transient, Unreachable: true,
		Meaning: "DeepCall, or a proxy in front of it, failed.", Remedy: noAction,
	}
	entryRedirected = Entry{
		Reason: "Redirected", Message: "DeepCall answered HTTP 3xx", Class: Transient, Unreachable: true,
		Meaning: "The endpoint redirects to another address, to which credentials are not sent.", Remedy: fixEndpoint,
	}
	entryUnexpectedStatus = Entry{
		Reason: "UnexpectedStatus", Message: "DeepCall answered with an unexpected HTTP status", Class: Transient, Unreachable: true,
		Meaning: "The server does not behave like DeepCall's API.", Remedy: fixEndpoint,
	}
	entryUnreadableAnswer = Entry{
		Reason: "UnreadableAnswer", Message: "DeepCall's answer could not be read", Class: Transient, Unreachable: true,
		Meaning: "The answer was cut off, too long or not in the documented form, so its meaning is unknown.", Remedy: fixEndpoint,
	}

	entryTimeout = Entry{
		Reason: "Timeout", Message: "DeepCall did not answer in time", Class: Transient, Unreachable: true,
		Meaning: "No complete answer was received within spec.requestTimeout, or DNS did not resolve the endpoint's host name in that time, as the message states.", Remedy: noAction,
	}
	entryConnectionFailed = Entry{
		Reason: "ConnectionFailed", Message: "The connection to DeepCall failed", Class: Transient, Unreachable: true,
		Meaning: "DNS did not resolve the endpoint's host name, as the message states, the connection was refused, or it broke.", Remedy: checkNetwork,
	}
	entryTLSFailed = Entry{
		Reason: "TLSFailed", Message: "No secure connection to DeepCall could be made", Class: Transient, Unreachable: true,
		Meaning: "The server's certificate is not trusted, or the TLS handshake failed.",
		Remedy:  "The account's owner checks spec.endpoint, and the CA bundle (spec.caBundle or spec.caBundleRef), which must hold the root of a proxy that intercepts TLS.",
	}
	entryEndpointNotAllowed = Entry{
		Reason: "EndpointNotAllowed", Message: "The endpoint's address is not allowed", Class: Transient, Unreachable: true,
		Meaning: "The endpoint's address is loopback, link-local, unspecified, multicast or that of a cloud's metadata service.",
		Remedy:  "The account's owner corrects spec.endpoint, or the name's address in DNS; for development, the operator can run with --allow-insecure-endpoints.",
	}
)

// Lookup returns the entry of a documented error code.
func Lookup(code int) (Entry, bool) {
	i, found := slices.BinarySearchFunc(codes, code, func(e Entry, code int) int { return cmp.Compare(e.Code, code) })
	if !found {
		return Entry{}, false
	}
	return codes[i], true
}

// Catalogue returns all entries: those with a code, sorted by code, then the others.
func Catalogue() []Entry {
	return append(slices.Clone(codes),
		entryUnknownCode, entryUnreadableAnswer,
		entryUnauthorized, entryForbidden, entryBlocked, entryRequestTooLarge,
		entryTooManyRequests, entryServerError, entryRedirected, entryUnexpectedStatus,
		entryTimeout, entryConnectionFailed, entryTLSFailed, entryEndpointNotAllowed, entryCanceled)
}

func withMessages(entries []Entry) []Entry {
	for i, e := range entries {
		entries[i].Message = fmt.Sprintf("DeepCall error %d: %s", e.Code, e.Description)
	}
	return entries
}

func unknownCode(code int) Entry {
	e := entryUnknownCode
	e.Code, e.Message = code, fmt.Sprintf("DeepCall error %d: unknown code", code)
	return e
}

func withStatus(e Entry, status int) Entry {
	e.Message = fmt.Sprintf("DeepCall answered HTTP %d", status)
	return e
}
