package reason

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Summary is what the conditions of an object state: a reason and its message. Nothing in it is volatile, so the same
// state has the same summary.
type Summary struct{ Reason, Message string }

// summarize returns the summary of one of the operator's reasons. The pairs replace the placeholders of its message.
func summarize(reason string, pairs ...string) Summary {
	return Summary{Reason: reason, Message: strings.NewReplacer(pairs...).Replace(byReason[reason].Message)}
}

// Synced is the summary of a mapping whose groups DeepCall confirmed.
func Synced() Summary { return summarize(v1alpha1.ReasonSynced) }

// NothingToSend is the summary of a mapping that has no groups to send.
func NothingToSend() Summary {
	return Summary{Reason: v1alpha1.ReasonSynced, Message: "No groups are declared, and none are left to remove"}
}

// Conflict is the summary of a mapping that declares groups of another owner.
func Conflict(groups []string) Summary {
	return summarize(v1alpha1.ReasonConflict, "<groups>", listGroups(groups))
}

// Suspended is the summary of a suspended mapping with an edit that was not sent.
func Suspended() Summary { return summarize(v1alpha1.ReasonSuspended) }

// AccountNotFound is the summary of a mapping whose account does not exist in its own namespace.
func AccountNotFound(name string) Summary {
	return summarize(v1alpha1.ReasonAccountNotFound, "<name>", name)
}

// AccountNotPermitted is the summary of a mapping that is not permitted to use an account of another namespace.
func AccountNotPermitted() Summary { return summarize(v1alpha1.ReasonAccountNotPermitted) }

// AccountNotReady is the summary of a mapping in namespace whose account can't be used now.
func AccountNotReady(account types.NamespacedName, namespace string) Summary {
	flag := ""
	if account.Namespace != namespace {
		flag = " -n " + account.Namespace
	}
	return summarize(v1alpha1.ReasonAccountNotReady, "<name>", account.Name, " -n <namespace>", flag)
}

// Paused is the summary of an account that DeepCall asked to wait, and of its mappings that have something to send.
func Paused() Summary { return summarize(v1alpha1.ReasonPaused) }

// Terminating is the summary of an account that is being deleted. If requests can't be sent, problem states why.
func Terminating(problem string) Summary {
	s := summarize(v1alpha1.ReasonTerminating)
	if problem != "" {
		s.Message += ". No request can be sent now: " + problem
	}
	return s
}

// maxServerMessage bounds a message of the API server, in bytes. An event's note has at most 1024 bytes.
const maxServerMessage = 512

// WriteRejected is the summary of a mapping whose write the API server rejected with this message.
func WriteRejected(message string) Summary {
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message, "?"))
	if len(message) > maxServerMessage {
		message = strings.ToValidUTF8(message[:maxServerMessage], "") + "..."
	}
	return summarize(v1alpha1.ReasonWriteRejected, "<problem>", message)
}

// Numbers, times and UIDs in a message can change whenever the write is repeated. Digits within a name do not count.
var (
	uidOrTime = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d{4}-\d\d-\d\d[T ]\d\d:[\d:.]+(Z|[+-]\d\d:?\d\d)?`)
	number    = regexp.MustCompile(`(^|[^\w.-])\d[\d.:]*`)
)

// Stable returns the former summary if s differs from it only in numbers, times and UIDs. So a message of the API server that
// contains the version of the object, for example, does not change the status each time.
func (s Summary) Stable(former Summary) Summary {
	withoutVolatile := func(message string) string {
		return number.ReplaceAllString(uidOrTime.ReplaceAllString(message, ""), "$1")
	}
	if s.Reason == former.Reason && withoutVolatile(s.Message) == withoutVolatile(former.Message) {
		return former
	}
	return s
}

// RemovalAbandoned is the summary of an agent that can still receive calls of groups although their mapping is gone.
func RemovalAbandoned(agent string, groups []string) Summary {
	return summarize(v1alpha1.ReasonRemovalAbandoned, "<agent>", agent, "<groups>", listGroups(groups))
}

// SecondOperator is the summary of an object whose status another operator writes, too.
func SecondOperator() Summary { return summarize(v1alpha1.ReasonSecondOperator) }

// Untried is the summary of an account with which no request has succeeded yet.
func Untried() Summary { return summarize(v1alpha1.ReasonUntried) }

// Usable is the summary of an account whose requests DeepCall accepts.
func Usable() Summary { return summarize(v1alpha1.ReasonUsable) }

// Unreachable is the summary of an account whose requests failed several times in a row. failure is the one that led to
// this state. Later failures don't replace it, so the message doesn't alternate with their causes.
func Unreachable(failure *deepcall.Error) Summary {
	text := failure.Message
	if cause := failure.Cause(); cause != "" {
		text += ": " + cause
	}
	return summarize(v1alpha1.ReasonUnreachable, "<failure>", text+". "+strings.TrimSuffix(failure.Remedy, "."))
}

// SecretNotFound is the summary of an account whose Secret does not exist.
func SecretNotFound(name string) Summary {
	return summarize(v1alpha1.ReasonSecretNotFound, "<name>", name)
}

// SecretForbidden is the summary of an account whose Secret the operator is not allowed to read.
func SecretForbidden() Summary { return summarize(v1alpha1.ReasonSecretForbidden) }

// InvalidCredentials is the summary of an account whose Secret can't be used.
func InvalidCredentials(secret, problem string) Summary {
	return summarize(v1alpha1.ReasonInvalidCredentials, "<name>", secret, "<problem>", problem)
}

// InvalidEndpoint is the summary of an account whose endpoint can't be used.
func InvalidEndpoint(problem string) Summary {
	return summarize(v1alpha1.ReasonInvalidEndpoint, "<problem>", problem)
}

// InvalidCABundle is the summary of an account whose CA bundle can't be used. ref is zero for spec.caBundle.
func InvalidCABundle(ref v1alpha1.CABundleReference, problem string) Summary {
	bundle := "spec.caBundle"
	if ref.Name != "" {
		bundle = fmt.Sprintf("The CA bundle in the key %q of the %s %q", ref.Key, ref.Kind, ref.Name)
	}
	return summarize(v1alpha1.ReasonInvalidCABundle, "<bundle>", bundle, "<problem>", problem)
}

// CABundleNotFound is the summary of an account whose spec.caBundleRef names an object or a key that does not exist.
func CABundleNotFound(ref v1alpha1.CABundleReference, objectExists bool) Summary {
	problem := "the " + string(ref.Kind) + " does not exist in this namespace"
	if objectExists {
		problem = "the key does not exist, or is empty"
	}
	return summarize(v1alpha1.ReasonCABundleNotFound, "<key>", ref.Key, "<kind>", string(ref.Kind), "<name>", ref.Name, "<problem>", problem)
}

// CABundleForbidden is the summary of an account with a CA bundle in an object of a kind that the operator is not allowed to read.
func CABundleForbidden(kind v1alpha1.CABundleKind) Summary {
	return summarize(v1alpha1.ReasonCABundleForbidden, "<kind>", string(kind), "<resource>", strings.ToLower(string(kind))+"s")
}

// maxProblem bounds, in characters, a problem that quotes the user's text: a long message fails the write of the status.
const maxProblem = 256

// InvalidSelector is the summary of an account whose selector of namespaces is not valid.
func InvalidSelector(problem string) Summary {
	if runes := []rune(problem); len(runes) > maxProblem {
		problem = string(runes[:maxProblem])
	}
	return summarize(v1alpha1.ReasonInvalidSelector, "<problem>", problem)
}

// SelectorNotSupported is the summary of an account with a selector that this operator can't evaluate.
func SelectorNotSupported() Summary { return summarize(v1alpha1.ReasonSelectorNotSupported) }

// NamespaceUnreadable is the summary of an account that mappings could use which this operator can't read.
func NamespaceUnreadable() Summary { return summarize(v1alpha1.ReasonNamespaceUnreadable) }

// maxListedAccounts bounds the names in a message: an event has at most 1024 characters.
const maxListedAccounts = 3

// DuplicateAccount is the summary of an account that has the same target as others in its namespace.
func DuplicateAccount(others []string) Summary {
	var quoted []string
	for _, name := range others[:min(len(others), maxListedAccounts)] {
		quoted = append(quoted, strconv.Quote(name))
	}
	list := strings.Join(quoted, ", ")
	if len(others) > len(quoted) {
		list += " and others" // without their number, so that the message does not change with each of many
	}
	return summarize(v1alpha1.ReasonDuplicateAccount, "<accounts>", list)
}

// DuplicateAccountElsewhere is the summary of an account that has the same target as others in other namespaces. It does not
// reveal which.
func DuplicateAccountElsewhere() Summary {
	return summarize(v1alpha1.ReasonDuplicateAccount, "<accounts>", "accounts of other namespaces")
}

// FromError returns the summary of DeepCall's answer, or of the failure to get one.
func FromError(err *deepcall.Error) Summary {
	return Summary{Reason: err.Reason, Message: err.Message}
}

const deletionWaits = ". The deletion waits until DeepCall confirms that the agent's calls are stopped; " +
	"to delete without that, set spec.removalPolicy to Orphan"

// BlocksDeletion returns s with a note that the deletion waits for DeepCall. It adds the note only once.
func (s Summary) BlocksDeletion() Summary {
	s.Message = strings.TrimSuffix(s.Message, deletionWaits) + deletionWaits
	return s
}

const maxListedGroups = 10

func listGroups(groups []string) string {
	noun := "group "
	if len(groups) > 1 {
		noun = "groups "
	}
	if len(groups) > maxListedGroups {
		return fmt.Sprintf("%s%s and %d more", noun, strings.Join(groups[:maxListedGroups], ", "), len(groups)-maxListedGroups)
	}
	return noun + strings.Join(groups, ", ")
}
