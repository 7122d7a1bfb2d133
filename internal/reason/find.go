package reason

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Find returns the entries of a code (1505), an HTTP status (429) or a reason (InvalidGroupData, in any case). If there
// are none, the error suggests similar ones.
func Find(query string) ([]Entry, error) {
	found := entriesWhere(func(e Entry) bool { return strings.EqualFold(e.Reason, query) })
	if code, err := strconv.Atoi(query); err == nil {
		if code == 200 {
			return nil, fmt.Errorf("200 is success: DeepCall confirmed the groups")
		}
		found = entriesWhere(func(e Entry) bool { return e.Code == code && code != 0 || e.Reason == reasonOfStatus(code) })
		if len(found) == 0 {
			return nil, fmt.Errorf("DeepCall documents no code %d, and the operator treats it as UnknownCode; similar codes are %s; kubectl deepcall code lists all",
				code, strings.Join(similarCodes(code), ", "))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no code or reason %q; similar ones are %s; kubectl deepcall code lists all",
			query, strings.Join(similarReasons(query), ", "))
	}
	return found, nil
}

func entriesWhere(matches func(Entry) bool) []Entry {
	return slices.DeleteFunc(Entries(), func(e Entry) bool { return !matches(e) })
}

// reasonOfStatus returns the reason of an HTTP status; empty for a number that is not one.
func reasonOfStatus(status int) string {
	switch {
	case status == 401:
		return "Unauthorized"
	case status == 403:
		return "Forbidden"
	case status == 413:
		return "RequestTooLarge"
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

// maxSuggestions bounds the similar codes or reasons of an error.
const maxSuggestions = 3

func similarCodes(code int) []string {
	codes := entriesWhere(func(e Entry) bool { return e.Code != 0 })
	slices.SortStableFunc(codes, func(a, b Entry) int { return cmp.Compare(distance(a.Code, code), distance(b.Code, code)) })
	var similar []string
	for _, e := range codes[:maxSuggestions] {
		similar = append(similar, fmt.Sprintf("%d (%s)", e.Code, e.Reason))
	}
	return similar
}

func distance(a, b int) int { return max(a-b, b-a) }

// similarReasons returns the reasons that contain the query, followed by those with the smallest edit distance to it.
func similarReasons(query string) []string {
	query = strings.ToLower(query)
	rank := func(reason string) int {
		reason = strings.ToLower(reason)
		if query != "" && strings.Contains(reason, query) {
			return 0
		}
		return editDistance(reason, query)
	}
	var reasons []string
	for _, e := range Entries() {
		reasons = append(reasons, e.Reason)
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return reasons[:maxSuggestions]
}

// editDistance returns the Levenshtein distance of a and b.
func editDistance(a, b string) int {
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
