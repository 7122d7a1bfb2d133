package deepcall

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestClassifyReturnsTheEntryOfTheCode(t *testing.T) {
	for _, status := range []int{200, 201, 400, 404, 422} {
		for _, want := range codes {
			e := classify(t, status, fmt.Sprintf(`{"status":"error","code":%d,"message":"m"}`, want.Code), nil)
			if e.Entry != want || e.HTTPStatus != status || e.Answer == nil || *e.Answer != (Answer{want.Code, want.Description}) {
				t.Errorf("HTTP %d, code %d: got %+v", status, want.Code, e)
			}
			if e.Uncertain != (want.Class == Transient) {
				t.Errorf("HTTP %d, code %d: Uncertain = %v", status, want.Code, e.Uncertain)
			}
		}
	}
}

func classify(t *testing.T, status int, body string, header http.Header) *Error {
	t.Helper()
	now := func(cfg *Config) { cfg.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) } }
	_, e := send(t, client(t, "https://deepcall.invalid", now, withTransport(func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body) // as a server does
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	})))
	return e
}

func TestClassifyPrefersTheStatusToTheBody(t *testing.T) {
	const rejected = `{"status":"error","code":1505,"message":"m"}`
	const unknown = `{"status":"error","code":9999,"message":"m"}`
	for _, tc := range []struct {
		status    int
		body      string
		reason    string
		message   string
		uncertain bool
		code      int // of the answer, 0 for none
	}{
		{200, unknown, "UnknownCode", "DeepCall error 9999: unknown code", true, 9999},
		{200, ``, "UnreadableAnswer", "DeepCall's answer could not be read", true, 0},
		{204, ``, "UnreadableAnswer", "DeepCall's answer could not be read", true, 0},
		{301, success, "Redirected", "DeepCall answered HTTP 301", true, 200},
		{304, ``, "Redirected", "DeepCall answered HTTP 304", true, 0},
		{400, unknown, "UnexpectedStatus", "DeepCall answered HTTP 400", true, 9999},
		{400, success, "UnexpectedStatus", "DeepCall answered HTTP 400", true, 200},
		{404, `not found`, "UnexpectedStatus", "DeepCall answered HTTP 404", true, 0},
		{404, strings.Repeat("x", maxAnswerBytes+1), "UnexpectedStatus", "DeepCall answered HTTP 404", true, 0},
		{404, rejected, "InvalidGroupData", "DeepCall error 1505: Invalid group data", false, 1505},
		{401, rejected, "Unauthorized", "DeepCall answered HTTP 401", false, 1505},
		{401, success, "Unauthorized", "DeepCall answered HTTP 401", false, 200},
		{403, `<html>`, "Forbidden", "DeepCall answered HTTP 403", false, 0},
		{413, `<html>`, "RequestTooLarge", "DeepCall answered HTTP 413", false, 0},
		{413, unknown, "RequestTooLarge", "DeepCall answered HTTP 413", false, 9999},
		{413, rejected, "InvalidGroupData", "DeepCall error 1505: Invalid group data", false, 1505},
		{429, rejected, "TooManyRequests", "DeepCall answered HTTP 429", false, 1505},
		{429, ``, "TooManyRequests", "DeepCall answered HTTP 429", false, 0},
		{500, rejected, "ServerError", "DeepCall answered HTTP 500", true, 1505},
		{500, success, "ServerError", "DeepCall answered HTTP 500", true, 200},
		{503, ``, "ServerError", "DeepCall answered HTTP 503", true, 0},
		{599, ``, "ServerError", "DeepCall answered HTTP 599", true, 0},
		{101, success, "UnexpectedStatus", "DeepCall answered HTTP 101", true, 0},
		{600, success, "UnexpectedStatus", "DeepCall answered HTTP 600", true, 200},
	} {
		t.Run(fmt.Sprintf("HTTP %d with %.45s", tc.status, tc.body), func(t *testing.T) {
			e := classify(t, tc.status, tc.body, http.Header{})
			code := 0
			if e.Answer != nil {
				code = e.Answer.Code
			}
			if e.Reason != tc.reason || e.Message != tc.message || e.HTTPStatus != tc.status || e.Uncertain != tc.uncertain || code != tc.code {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestClassifyTakesAmbiguousAnswersAsUnreadable(t *testing.T) {
	for name, body := range unreadable {
		t.Run(name, func(t *testing.T) {
			e := classify(t, 200, body, nil)
			if e == nil || e.Entry != entryUnreadableAnswer || e.Answer != nil || !e.Uncertain || e.HTTPStatus != 200 {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestClassifyReadsRetryAfter(t *testing.T) {
	for status, want := range map[int]time.Duration{429: time.Minute, 500: time.Minute, 503: time.Minute, 200: 0, 302: 0, 401: 0, 404: 0} {
		for _, value := range []string{"60", "Fri, 02 Jan 2026 03:05:05 GMT"} {
			if e := classify(t, status, ``, http.Header{"Retry-After": {value}}); e.RetryAfter != want {
				t.Errorf("HTTP %d, %q: got %v, want %v", status, value, e.RetryAfter, want)
			}
		}
	}
}

func TestClassifyShowsDeepCallsTextOfUnknownCodesOnly(t *testing.T) {
	for _, tc := range []struct {
		code int
		text string
		want string
	}{
		{1505, "one group of yours", "Invalid group data"},
		{1014, testToken, "Invalid token (invalid or expired)"},
		{9999, "Out of order", "Out of order"},
		{9999, "no " + testUserID, redacted},
		{9999, "no " + testToken, redacted},
	} {
		text, _ := json.Marshal(tc.text)
		e := classify(t, 200, fmt.Sprintf(`{"status":"error","code":%d,"message":%s}`, tc.code, text), nil)
		if e.Answer == nil || *e.Answer != (Answer{tc.code, tc.want}) {
			t.Errorf("%d with %q: got %+v", tc.code, tc.text, e.Answer)
		}
	}
}

func TestWithAcceptedCredentials(t *testing.T) {
	const denial = `{"status":"error","code":1015,"message":"m"}`
	for _, tc := range []struct {
		status    int
		body      string
		reason    string
		uncertain bool
	}{
		{403, `<html>`, "Blocked", true},
		{403, ``, "Blocked", true},
		{403, denial, "Forbidden", false},
		{401, `<html>`, "Unauthorized", false},
		{200, denial, "PermissionDenied", false},
		{404, `<html>`, "UnexpectedStatus", true},
	} {
		t.Run(fmt.Sprintf("HTTP %d with %.45s", tc.status, tc.body), func(t *testing.T) {
			before := classify(t, tc.status, tc.body, http.Header{})
			copied := *before
			var e *Error
			if !errors.As(WithAcceptedCredentials(before), &e) || e.Reason != tc.reason || e.Uncertain != tc.uncertain || e.HTTPStatus != tc.status {
				t.Errorf("got %+v", e)
			}
			if *before != copied {
				t.Error("the argument changed")
			}
		})
	}
	if err := WithAcceptedCredentials(nil); err != nil {
		t.Errorf("got %v for no error", err)
	}
}
