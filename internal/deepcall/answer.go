package deepcall

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// codeSuccess is the code of a success, and of nothing else.
	codeSuccess = 200
	// maxAnswerBytes is how much of an answer's body is read.
	maxAnswerBytes = 64 << 10
	// maxRetryAfter is the longest that an account is held on DeepCall's word.
	maxRetryAfter = time.Hour
)

// Answer is what DeepCall said.
type Answer struct {
	// Code is DeepCall's code, 200 for a success.
	Code int
	// Message is DeepCall's text, with credentials struck out, at most 256 characters.
	Message string
}

// reply is a readable answer, its message still as it came.
type reply struct {
	success bool
	code    int
	message string
}

// errCut means that the body did not come to its end.
var errCut = errors.New("the answer was cut off")

// readReply reads the body, to its end unless it is too long, so that the
// connection can be used again.
func readReply(resp *http.Response) (reply, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols { // an open connection follows, not a body
		return reply{}, errors.New("the answer switches protocols")
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w", errCut, err)
	}
	if len(raw) > maxAnswerBytes {
		return reply{}, errors.New("the answer is longer than 64 KiB")
	}
	return parseReply(raw)
}

// parseReply reads an answer strictly: a success must be beyond doubt, and
// whoever else reads the same bytes must read the same. encoding/json alone is too
// lenient: it takes the last of two keys, and "Code" for "code". The errors
// quote nothing of the answer.
func parseReply(raw []byte) (reply, error) {
	fields, err := topLevel(raw)
	if err != nil {
		return reply{}, err
	}
	code, err := integral(fields["code"])
	if err != nil {
		return reply{}, err
	}
	r := reply{code: code}
	// The message is for people alone: a missing or odd one changes nothing.
	_ = json.Unmarshal(fields["message"], &r.message)

	var status string
	if err := json.Unmarshal(fields["status"], &status); err != nil {
		return reply{}, errors.New("the answer has no status")
	}
	switch r.success = status == "success"; {
	case !r.success && status != "error":
		return reply{}, errors.New("the answer's status is neither success nor error")
	case r.success != (code == codeSuccess):
		return reply{}, errors.New("the answer's status and code contradict each other")
	}
	return r, nil
}

// topLevel returns the members of the one JSON object that raw must be.
func topLevel(raw []byte) (map[string]json.RawMessage, error) {
	// Valid holds all of raw to be one value, nested less than 10,000 deep.
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, errors.New("the answer is not valid JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("the answer is not a JSON object")
	}
	fields, seen := map[string]json.RawMessage{}, map[string]bool{}
	for decoder.More() {
		var value json.RawMessage
		key, err := decoder.Token()
		if err == nil {
			err = decoder.Decode(&value)
		}
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, errors.New("the answer is not valid JSON")
		}
		// To upper and back, as some letters have two lower cases.
		folded := strings.ToLower(strings.ToUpper(name))
		if seen[folded] {
			return nil, errors.New("the answer names a key twice")
		}
		seen[folded], fields[name] = true, value
	}
	return fields, nil
}

// integral reads a JSON number without fraction or exponent, within 32 bits as
// the status of a Kubernetes object wants it.
func integral(raw json.RawMessage) (int, error) {
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil || strconv.FormatInt(n, 10) != string(raw) {
		return 0, errors.New("the answer has no integral code")
	}
	return int(n), nil
}

// retryAfter reads the header Retry-After: seconds, or an HTTP date (RFC 9110,
// 10.2.3). What can't be read counts as absent.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 32)
		if err != nil { // too many digits
			return maxRetryAfter
		}
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
