// Package explain finds what a code of DeepCall or a reason of a condition means, and what to do about it: DeepCall's
// from the operator's catalogue, and the operator's own from the list beside it. It is pure. The kubectl plugin and the
// generated reference tell what it knows.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// Topic is something that a person can ask about.
type Topic struct {
	// Code is DeepCall's code; 0 for an answer without one, and for reasons of the operator itself.
	Code   int
	Reason string
	// Message is what the condition says; empty where it says more than a constant.
	Message string
	// Class is the catalogue's, or Operator.
	Class   deepcall.Class
	Meaning string
	// Operator says what the operator does, and Remedy who else acts, and how.
	Operator string
	Remedy   string
}

// Own is the class of reasons that are not an answer of DeepCall.
const Own deepcall.Class = "Operator"

// Topics returns all: DeepCall's codes in their order, its answers without a code, and then the operator's own reasons.
func Topics() []Topic {
	var topics []Topic
	for _, entry := range deepcall.Catalogue() {
		topics = append(topics, Topic{
			Code: entry.Code, Reason: entry.Reason, Message: entry.Message, Class: entry.Class,
			Meaning: entry.Meaning, Remedy: entry.Remedy, Operator: doneAbout(entry),
		})
	}
	return append(topics, own...)
}

// OwnReason returns the topic of one of the operator's own reasons; false if it is none.
func OwnReason(reason string) (Topic, bool) {
	i := slices.IndexFunc(own, func(t Topic) bool { return t.Reason == reason })
	if i < 0 {
		return Topic{}, false
	}
	return own[i], true
}

// doneAbout is what the operator does about an answer.
func doneAbout(entry deepcall.Entry) string {
	switch {
	case entry.Class == deepcall.Rejected:
		return "It keeps what was confirmed before, and tries again only when the mapping's spec changes, on request (kubectl deepcall resync), or at the next resync."
	case entry.Class == deepcall.Denied:
		return "It all but stops calling with this account, until its Secret or the account changes; it probes with a single call after 5 minutes, and then ever more seldom, up to every hour. Once the cause is mended in DeepCall, this has it try at once: " +
			"kubectl annotate --overwrite dca NAME " + v1alpha1.ReconcileRequestedAtAnnotation + "=now"
	case entry.Unreachable:
		return "It tries again, first after a second, and then ever more seldom, up to every 5 minutes; after 5 such failures in a row one call at a time probes for the whole account."
	default:
		return "It tries again, first after a second, and then ever more seldom, up to every 5 minutes."
	}
}

// Find returns the topics of a code (1505), an HTTP status (429), or a reason (InvalidGroupData, in any case). If there
// are none, the error names those that are near.
func Find(query string) ([]Topic, error) {
	found := topicsWhere(func(t Topic) bool { return strings.EqualFold(t.Reason, query) })
	if code, err := strconv.Atoi(query); err == nil {
		if code == 200 {
			return nil, fmt.Errorf("200 is success: DeepCall confirmed the groups")
		}
		found = topicsWhere(func(t Topic) bool { return t.Code == code && code != 0 || t.Reason == reasonOfStatus(code) })
		if len(found) == 0 {
			return nil, fmt.Errorf("DeepCall documents no code %d, and the operator takes it for UnknownCode; near ones are %s; kubectl deepcall code lists all",
				code, strings.Join(nearCodes(code), ", "))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no code or reason %q; near ones are %s; kubectl deepcall code lists all",
			query, strings.Join(nearReasons(query), ", "))
	}
	return found, nil
}

func topicsWhere(wanted func(Topic) bool) []Topic {
	return slices.DeleteFunc(Topics(), func(t Topic) bool { return !wanted(t) })
}

// reasonOfStatus is the reason that an HTTP status gives; empty for a number that is none.
func reasonOfStatus(status int) string {
	switch {
	case status == 401:
		return "Unauthorized"
	case status == 403:
		return "Forbidden"
	case status == 429:
		return "TooManyRequests"
	case status >= 500 && status < 600:
		return "ServerError"
	case status >= 300 && status < 400:
		return "Redirected"
	case status > 200 && status < 500:
		return "UnexpectedStatus"
	}
	return ""
}

// atMost is how many near ones are named.
const atMost = 3

func nearCodes(code int) []string {
	codes := topicsWhere(func(t Topic) bool { return t.Code != 0 })
	slices.SortStableFunc(codes, func(a, b Topic) int { return cmp.Compare(distance(a.Code, code), distance(b.Code, code)) })
	var near []string
	for _, t := range codes[:atMost] {
		near = append(near, fmt.Sprintf("%d (%s)", t.Code, t.Reason))
	}
	return near
}

func distance(a, b int) int { return max(a-b, b-a) }

// nearReasons are those that contain the query, and then those that take the fewest letters to change into it.
func nearReasons(query string) []string {
	query = strings.ToLower(query)
	far := func(reason string) int {
		reason = strings.ToLower(reason)
		if query != "" && strings.Contains(reason, query) {
			return 0
		}
		return edits(reason, query)
	}
	var reasons []string
	for _, t := range Topics() {
		reasons = append(reasons, t.Reason)
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(far(a), far(b)) })
	return reasons[:atMost]
}

// edits is how many letters have to be put in, taken out or changed to make b of a (Levenshtein).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
