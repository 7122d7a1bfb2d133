package deepcall

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// generous is a time-out that no test waits for.
const generous = 30 * time.Second

// server runs a handler on loopback.
func server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

func client(t *testing.T, endpoint string, changes ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Endpoint: endpoint, Timeout: generous, AllowInsecure: true, MaxConns: 4}
	for _, change := range changes {
		change(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

var asha = Request{AgentID: "7", Groups: map[string]bool{"90": true, "91": false, "92": true}}

// call makes one call, and holds its error to be an *Error without a credential.
func call(t *testing.T, c *Client, ctx context.Context) (Answer, *Error) {
	t.Helper()
	answer, err := c.UpdateAgentGroupMapping(ctx, credentials(t, "userId", testUserID, "token", testToken), asha)
	if err == nil {
		return answer, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *Error", err)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		expectNoSecret(t, "the error", fmt.Sprintf("%v %+v %#v", cause, cause, cause))
	}
	if answer != (Answer{}) {
		t.Errorf("answer %+v came with an error", answer)
	}
	return answer, e
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheRequestIsTheVendors(t *testing.T) {
	var got *http.Request
	var body string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		_, _ = io.WriteString(w, success)
	})
	for name, tc := range map[string]struct {
		endpoint string
		cred     Credentials
		req      Request
		path     string
		body     string
	}{
		"with user ID and token": {
			url, credentials(t, "userId", "1001", "token", "s3cr3t"), asha, "/api/v2/Agent/updateAgentGroupMapping",
			`{"userId":"1001","token":"s3cr3t","agentId":"7","group":{"90":{"receive_call":"Y"},"91":{"receive_call":"N"},"92":{"receive_call":"Y"}}}`,
		},
		"with session ID, below a path": {
			url + "/brand/", credentials(t, "ssid", "abc"),
			Request{AgentID: "a.b"},
			"/brand/api/v2/Agent/updateAgentGroupMapping",
			`{"ssid":"abc","agentId":"a.b","group":{}}`,
		},
		"without escaping HTML": {
			url, credentials(t, "ssid", `<&>"é`),
			Request{AgentID: "7", Groups: map[string]bool{"b": true, "a": false, "B": true}},
			"/api/v2/Agent/updateAgentGroupMapping",
			`{"ssid":"<&>\"é","agentId":"7","group":{"B":{"receive_call":"Y"},"a":{"receive_call":"N"},"b":{"receive_call":"Y"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := client(t, tc.endpoint).UpdateAgentGroupMapping(context.Background(), tc.cred, tc.req)
			if err != nil || answer != (Answer{Code: 200, Message: "Done"}) {
				t.Fatalf("got %+v, %v", answer, err)
			}
			if got.Method != "POST" || got.URL.String() != tc.path || got.Proto != "HTTP/1.1" || body != tc.body {
				t.Errorf("got %s %s %s\n%s, want\n%s", got.Method, got.URL, got.Proto, body, tc.body)
			}
			want := map[string]string{
				"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "deepcall-operator",
				"Content-Length": strconv.Itoa(len(tc.body)),
			}
			for key, value := range want {
				if got.Header.Get(key) != value {
					t.Errorf("header %s is %q, want %q", key, got.Header.Get(key), value)
				}
			}
			if len(got.Header) != len(want) || got.TransferEncoding != nil {
				t.Errorf("more headers than wanted: %v %v", got.Header, got.TransferEncoding)
			}
		})
	}
}

func TestEveryCodeGivesItsRow(t *testing.T) {
	for _, status := range []int{200, 201, 400, 404, 422} {
		for _, want := range codes {
			e := verdict(t, status, fmt.Sprintf(`{"status":"error","code":%d,"message":"m"}`, want.Code), nil)
			if e.Entry != want || e.HTTPStatus != status || e.Answer == nil || *e.Answer != (Answer{want.Code, "m"}) {
				t.Errorf("HTTP %d, code %d: got %+v", status, want.Code, e)
			}
			if e.Uncertain != (want.Class == Transient) {
				t.Errorf("HTTP %d, code %d: Uncertain = %v", status, want.Code, e.Uncertain)
			}
		}
	}
}

// roundTrip is a transport without a network. It takes the request's body, as
// a server would.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	return f(req)
}

func verdict(t *testing.T, status int, body string, header http.Header) *Error {
	t.Helper()
	c := client(t, "https://deepcall.invalid", func(cfg *Config) {
		cfg.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
		cfg.WrapTransport = func(http.RoundTripper) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
			})
		}
	})
	_, e := call(t, c, context.Background())
	return e
}

func TestTheStatusCountsBeforeTheBody(t *testing.T) {
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
			e := verdict(t, tc.status, tc.body, http.Header{})
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

func TestAmbiguousAnswersAreNoSuccess(t *testing.T) {
	for name, body := range unreadable {
		t.Run(name, func(t *testing.T) {
			e := verdict(t, 200, body, nil)
			if e == nil || e.Entry != entryUnreadableAnswer || e.Answer != nil || !e.Uncertain || e.HTTPStatus != 200 {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestRetryAfterIsReadWhereItCounts(t *testing.T) {
	for status, want := range map[int]time.Duration{429: time.Minute, 500: time.Minute, 503: time.Minute, 200: 0, 302: 0, 401: 0, 404: 0} {
		for _, value := range []string{"60", "Fri, 02 Jan 2026 03:05:05 GMT"} {
			if e := verdict(t, status, ``, http.Header{"Retry-After": {value}}); e.RetryAfter != want {
				t.Errorf("HTTP %d, %q: got %v, want %v", status, value, e.RetryAfter, want)
			}
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	elsewhere := server(t, func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		_, _ = io.WriteString(w, success)
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{elsewhere, "/same", "%zz://bad", ""} {
			t.Run(fmt.Sprintf("HTTP %d to %q", status, location), func(t *testing.T) {
				var calls atomic.Int32
				url := server(t, func(w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				_, e := call(t, client(t, url), context.Background())
				if e.Reason != "Redirected" || e.HTTPStatus != status || calls.Load() != 1 || followed.Load() != 0 {
					t.Errorf("got %+v after %d calls and %d redirects", e, calls.Load(), followed.Load())
				}
			})
		}
	}
}

func TestNoMoreThan64KiBAreRead(t *testing.T) {
	for name, tc := range map[string]struct {
		size int
		want string
	}{
		"64 KiB are read":           {maxAnswerBytes, ""},
		"one byte more is too much": {maxAnswerBytes + 1, "UnreadableAnswer"},
		"a flood is not read":       {16 << 20, "UnreadableAnswer"},
	} {
		t.Run(name, func(t *testing.T) {
			url := server(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, success+strings.Repeat(" ", tc.size-len(success)))
			})
			var read atomic.Int64
			c := client(t, url, func(cfg *Config) {
				cfg.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return counting{next, &read} }
			})
			reason := ""
			if _, e := call(t, c, context.Background()); e != nil {
				reason = e.Reason
			}
			if reason != tc.want || read.Load() > maxAnswerBytes+1 {
				t.Errorf("got %q after %d bytes", reason, read.Load())
			}
		})
	}
}

// counting counts the bytes of the answers that are read.
type counting struct {
	next http.RoundTripper
	read *atomic.Int64
}

func (c counting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(resp.Body, c), resp.Body}
	}
	return resp, err
}

func (c counting) Write(p []byte) (int, error) {
	c.read.Add(int64(len(p)))
	return len(p), nil
}

func TestCompressionIsNeitherAskedForNorUndone(t *testing.T) {
	var asked string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, success)
		_ = zip.Close()
	})
	_, e := call(t, client(t, url), context.Background())
	if e == nil || e.Reason != "UnreadableAnswer" || asked != "" {
		t.Errorf("got %+v, asked for %q", e, asked)
	}
}

func TestTheTimeoutCoversAllOfACall(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"before the answer": func(http.ResponseWriter) {},
		"before its body":   flush,
		"within its body":   func(w http.ResponseWriter) { _, _ = io.WriteString(w, success[:9]); flush(w) },
		"at the body's end": func(w http.ResponseWriter) { _, _ = io.WriteString(w, success); flush(w) },
		"in a rejection":    func(w http.ResponseWriter) { w.WriteHeader(404); flush(w) },
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, hangingServer(t, begin), func(cfg *Config) { cfg.Timeout = 20 * time.Millisecond })
			_, e := call(t, c, context.Background())
			if e.Entry != entryTimeout || !errors.Is(e, context.DeadlineExceeded) {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// hangingServer begins an answer and never ends it.
func hangingServer(t *testing.T, begin func(http.ResponseWriter)) string {
	end := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, _ *http.Request) {
		begin(w)
		<-end
	})
	t.Cleanup(func() { close(end) }) // before the server's own clean-up
	return url
}

// endable is a context that ends when a test says so, with the error it says.
type endable struct {
	context.Context
	done chan struct{}
	err  error
}

func (c *endable) Done() <-chan struct{} { return c.done }

func (c *endable) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

func TestACallThatIsGivenUpSaysHow(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want Entry
	}{
		"canceled":    {context.Canceled, entryCanceled},
		"out of time": {context.DeadlineExceeded, entryTimeout},
	} {
		t.Run(name+" before anything was sent", func(t *testing.T) {
			ctx := &endable{context.Background(), make(chan struct{}), tc.err}
			close(ctx.done)
			_, e := call(t, client(t, "http://127.0.0.1:1"), ctx)
			if e.Entry != tc.want || e.Uncertain || e.HTTPStatus != 0 || !errors.Is(e, tc.err) {
				t.Errorf("got %+v", e)
			}
		})
		t.Run(name+" while DeepCall is at work", func(t *testing.T) {
			ctx := &endable{context.Background(), make(chan struct{}), tc.err}
			url := hangingServer(t, func(http.ResponseWriter) { close(ctx.done) })
			_, e := call(t, client(t, url), ctx)
			if e.Entry != tc.want || !e.Uncertain || e.HTTPStatus != 0 || !errors.Is(e, tc.err) {
				t.Errorf("got %+v", e)
			}
		})
		for status, want := range map[int]Entry{200: tc.want, 404: tc.want, 401: entryUnauthorized, 503: withStatus(entryServerError, 503)} {
			t.Run(fmt.Sprintf("%s within an answer of HTTP %d", name, status), func(t *testing.T) {
				ctx := &endable{context.Background(), make(chan struct{}), tc.err}
				url := hangingServer(t, func(w http.ResponseWriter) { w.WriteHeader(status); flush(w) })
				c := client(t, url, func(cfg *Config) {
					cfg.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
						return roundTripper(func(req *http.Request) (*http.Response, error) {
							defer close(ctx.done)
							return next.RoundTrip(req)
						})
					}
				})
				_, e := call(t, c, ctx)
				if e.Entry != want || e.Uncertain != (want.Class == Transient) || e.HTTPStatus != status || errors.Is(e, tc.err) != (want == tc.want) {
					t.Errorf("got %+v", e)
				}
			})
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestABodyThatWasSealedIsNeverSent(t *testing.T) {
	body := &onceBody{Reader: strings.NewReader("x")}
	if !body.seal() {
		t.Error("an untouched body counts as sent")
	}
	if n, err := body.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v", n, err)
	}
	body = &onceBody{Reader: strings.NewReader("x")}
	if n, _ := body.Read(make([]byte, 1)); n != 1 || body.seal() {
		t.Error("a body that was read counts as untouched")
	}
}

func TestCredentialsThatComeBackAreStruck(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) string {
		raw, _ := io.ReadAll(r.Body)
		return string(raw)
	}
	for name, handler := range map[string]http.HandlerFunc{
		"in a message": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "code": 1014, "message": "you sent " + echo(w, r)})
		},
		"in a body that is no JSON": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(w, r)+"!") },
		"in what is no HTTP": func(w http.ResponseWriter, r *http.Request) {
			sent := echo(w, r)
			conn, buffer, _ := http.NewResponseController(w).Hijack()
			_, _ = buffer.WriteString(testToken + " " + sent + "\r\n\r\n")
			_ = buffer.Flush()
			_ = conn.Close()
		},
		"in a header that is none": func(w http.ResponseWriter, r *http.Request) {
			sent := echo(w, r)
			conn, buffer, _ := http.NewResponseController(w).Hijack()
			_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\n" + testToken + " " + sent + "\r\n\r\n")
			_ = buffer.Flush()
			_ = conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := call(t, client(t, server(t, handler)), context.Background()) // which looks for secrets
			if e.Answer != nil {
				expectNoSecret(t, "the answer", e.Answer.Message)
				if !strings.HasPrefix(e.Answer.Message, `you sent {"userId":"[redacted]","token":"[redacted]","agentId":"7"`) {
					t.Errorf("got %q", e.Answer.Message)
				}
			}
		})
	}
	t.Run("in a success", func(t *testing.T) {
		url := server(t, respond(200, `{"status":"success","code":200,"message":"hello `+testUserID+`"}`))
		if answer, e := call(t, client(t, url), context.Background()); e != nil || answer.Message != "hello [redacted]" {
			t.Errorf("got %+v, %v", answer, e)
		}
	})
}

func TestAPanicDoesNotCarryTheCredentials(t *testing.T) {
	c := client(t, "https://deepcall.invalid", func(cfg *Config) {
		cfg.WrapTransport = func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				var body bytes.Buffer
				_, _ = body.ReadFrom(req.Body)
				panic(body.String())
			})
		}
	})
	_, e := call(t, c, context.Background())
	if e.Reason != "UnreadableAnswer" || !e.Uncertain || !strings.Contains(e.Error(), "panic: ") || !strings.Contains(e.Error(), redacted) {
		t.Errorf("got %v", e)
	}
}
