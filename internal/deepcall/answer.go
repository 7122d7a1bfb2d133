package deepcall

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// codeSuccess is the code of a success and of no error.
	codeSuccess = 200
	// maxAnswerBytes bounds the body of an answer.
	maxAnswerBytes = 64 << 10
	// MaxRetryAfter bounds the pause that Retry-After asks for.
	MaxRetryAfter = time.Hour
)

// Answer is an answer of DeepCall.
type Answer struct {
	// Code is DeepCall's code, 200 for a success.
	Code int
	// Message is the catalogue's description of a known code, or else DeepCall's own text as redact returns it.
	Message string
}

// reply is an answer as received.
type reply struct {
	success bool
	code    int
	message string
}

// errTruncated is returned by readReply for a body without its end.
var errTruncated = errors.New("the answer was cut off")

// readReply reads and parses the body. Its errors quote nothing of the answer.
func readReply(resp *http.Response) (reply, error) {
	if resp.StatusCode == http.StatusSwitchingProtocols { // the body is an open connection
		return reply{}, errors.New("the answer switches protocols")
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return reply{}, errTruncated
	}
	if len(raw) > maxAnswerBytes {
		return reply{}, errors.New("the answer is longer than 64 KiB")
	}
	return parseReply(raw)
}

// parseReply parses an answer strictly, so that a success is unambiguous to every reader. encoding/json is too lenient:
// it accepts duplicate keys and takes "Code" for "code".
func parseReply(raw []byte) (reply, error) {
	fields, err := topLevel(raw)
	if err != nil {
		return reply{}, err
	}
	code, err := parseInt32(fields["code"])
	if err != nil {
		return reply{}, err
	}
	r := reply{code: code}
	// The message is only shown, so it can be missing or of another type.
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

// topLevel returns the members of the JSON object in raw. It returns an error for invalid JSON and for duplicate keys.
func topLevel(raw []byte) (map[string]json.RawMessage, error) {
	// Valid accepts a single value, nested less than 10,000 deep.
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
		// Upper case first, since some letters have two lower cases.
		folded := strings.ToLower(strings.ToUpper(name))
		if seen[folded] {
			return nil, errors.New("the answer names a key twice")
		}
		seen[folded], fields[name] = true, value
	}
	return fields, nil
}

// parseInt32 parses a JSON number without fraction or exponent, of 32 bits as in the status of the Kubernetes objects.
func parseInt32(raw json.RawMessage) (int, error) {
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil || strconv.FormatInt(n, 10) != string(raw) {
		return 0, errors.New("the answer has no integral code")
	}
	return int(n), nil
}

// retryAfter parses the header Retry-After: seconds or an HTTP date (RFC 9110, 10.2.3). An invalid value counts as absent.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 32)
		if err != nil { // too many digits
			return MaxRetryAfter
		}
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), MaxRetryAfter)
}
