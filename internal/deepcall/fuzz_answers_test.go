package deepcall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, value := range []string{"", "0", "120", "-1", "1e3", "99999999999999999999", "Fri, 02 Jan 2026 03:05:05 GMT", "Fri Jan  2 03:05:05 2026", "١٢", "1 2", "0x10"} {
		f.Add(value, int64(0))
	}
	f.Fuzz(func(t *testing.T, value string, later int64) {
		now := now.Add(time.Duration(later))
		header := http.Header{"Retry-After": {value}}
		got := retryAfter(header, now)
		if got < 0 || got > MaxRetryAfter {
			t.Fatalf("%q pauses the account for %v", value, got)
		}
		header["Retry-After"] = []string{" " + value + "\t"}
		if padded := retryAfter(header, now); padded != got {
			t.Errorf("%q: %v, with surrounding space %v", value, got, padded)
		}
		_, dateErr := http.ParseTime(strings.TrimSpace(value))
		if number := strings.Trim(strings.TrimSpace(value), "0123456789") == ""; got > 0 && !number && dateErr != nil {
			t.Errorf("%q is neither seconds nor a date, and pauses the account for %v", value, got)
		}
	})
}

// Every answer is a success that encoding/json agrees with, or an error with the right entry.
func FuzzClassify(f *testing.F) {
	f.Add(200, []byte(success), "")
	f.Add(503, []byte("<html>"), "120")
	for _, status := range []int{101, 200, 204, 301, 400, 401, 403, 404, 429, 500} {
		for _, code := range []string{"200", "1505", "1014", "1501", "9999", "-1", "0"} {
			f.Add(status, []byte(`{"status":"error","code":`+code+`,"message":"`+code+`"}`), "7")
		}
	}
	for _, body := range unreadable {
		f.Add(200, []byte(body), "")
	}
	c, err := NewClient(Config{Endpoint: "https://deepcall.invalid"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, after string) {
		cred := credentials(t, "userId", testUserID, "token", testToken)
		ctx := context.Background()
		resp := &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{"Retry-After": {after}}}
		answer, err := c.classify(ctx, ctx, cred, resp)
		if err == nil {
			var fields map[string]any
			_ = json.Unmarshal(body, &fields)
			if status < 200 || status > 299 || fields["status"] != "success" || fields["code"] != 200.0 || answer.Code != 200 || len(body) > maxAnswerBytes {
				t.Fatalf("HTTP %d with %q is a success", status, body)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || answer != (Answer{}) || e.HTTPStatus != status {
			t.Fatalf("got %+v, %v", answer, err)
		}
		want := Transient
		switch {
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
			want = Denied
		case status == http.StatusTooManyRequests, status >= 300 && status <= 399, status >= 500 && status <= 599, e.Answer == nil:
		case e.Code == e.Answer.Code:
			want = wantClass(e.Code)
		}
		if e.Class != want || e.Uncertain != (want == Transient && status != http.StatusTooManyRequests) {
			t.Errorf("HTTP %d with %q is %s %s, uncertain %v", status, body, e.Class, e.Reason, e.Uncertain)
		}
		if entry, known := Lookup(e.Code); known != (e.Code != 0 && e.Reason != entryUnknownCode.Reason) || known && entry != e.Entry {
			t.Errorf("code %d gives %+v", e.Code, e.Entry)
		}
		if e.Code == 0 && !slices.ContainsFunc(Catalogue(), func(entry Entry) bool { return entry.Reason == e.Reason }) {
			t.Errorf("the catalogue has no entry %s", e.Reason)
		}
		if len(e.Message) > 100 || e.RetryAfter < 0 || e.RetryAfter > MaxRetryAfter {
			t.Errorf("too long for a condition: %+v", e)
		}
		shown := err.Error()
		if e.Answer != nil {
			shown += e.Answer.Message
			if entry, known := Lookup(e.Answer.Code); known && e.Answer.Message != entry.Description {
				t.Errorf("code %d is described as %q", e.Answer.Code, e.Answer.Message)
			}
		}
		if strings.Contains(shown, testToken) || strings.Contains(shown, testUserID) {
			t.Errorf("a credential is shown: %s", shown)
		}
	})
}

func FuzzCodesAreTransientUnlessListed(f *testing.F) {
	for _, code := range []int{0, -1, 200, 1000, 1505, 1014, 1501, 9999, 1 << 31} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code int) {
		entry, known := Lookup(code)
		if !known {
			entry = unknownCode(code)
		}
		if entry.Class != wantClass(code) || entry.Code != code || entry.Unreachable || entry.Reason == "" || len(entry.Message) > 100 {
			t.Errorf("code %d: %+v", code, entry)
		}
	})
}
