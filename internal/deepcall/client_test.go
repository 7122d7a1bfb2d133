package deepcall

import (
	"compress/gzip"
	"context"
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

// longTimeout is a time-out that does not expire in a test.
const longTimeout = 30 * time.Second

// server serves a handler on loopback and returns its URL.
func server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

func client(t *testing.T, endpoint string, changes ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Endpoint: endpoint, Timeout: longTimeout, AllowInsecure: true}
	for _, change := range changes {
		change(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withTransport makes a client send its requests with a function, which can use the client's own transport.
func withTransport(send func(own http.RoundTripper, req *http.Request) (*http.Response, error)) func(*Config) {
	return func(cfg *Config) {
		cfg.WrapTransport = func(own http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) { return send(own, req) })
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

var asha = Request{AgentID: "7", Groups: map[string]bool{"90": true, "91": false, "92": true}}

func send(t *testing.T, c *Client) (Answer, *Error) {
	t.Helper()
	return sendWith(context.Background(), t, c)
}

// sendWith sends one request and checks that its error is an *Error without a credential.
func sendWith(ctx context.Context, t *testing.T, c *Client) (Answer, *Error) {
	t.Helper()
	answer, err := c.UpdateAgentGroupMapping(ctx, credentials(t, "userId", testUserID, "token", testToken), asha)
	if err == nil {
		return answer, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is not an *Error", err)
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

func TestRequestIsAsDocumented(t *testing.T) {
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
			url + "/prefix/", credentials(t, "ssid", "abc"),
			Request{AgentID: "a.b"},
			"/prefix/api/v2/Agent/updateAgentGroupMapping",
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
				"Accept-Encoding": "identity", "Connection": "close", "Content-Length": strconv.Itoa(len(tc.body)),
			}
			for key, value := range want {
				if got.Header.Get(key) != value {
					t.Errorf("header %s is %q, want %q", key, got.Header.Get(key), value)
				}
			}
			if len(got.Header) != len(want) || got.TransferEncoding != nil {
				t.Errorf("unexpected headers: %v %v", got.Header, got.TransferEncoding)
			}
		})
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
				var requests atomic.Int32
				url := server(t, func(w http.ResponseWriter, _ *http.Request) {
					requests.Add(1)
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				_, e := send(t, client(t, url))
				if e.Reason != "Redirected" || e.HTTPStatus != status || requests.Load() != 1 || followed.Load() != 0 {
					t.Errorf("got %+v after %d requests and %d redirects", e, requests.Load(), followed.Load())
				}
			})
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		size int
		want string
	}{
		"reads 64 KiB":          {maxAnswerBytes, ""},
		"rejects one byte more": {maxAnswerBytes + 1, "UnreadableAnswer"},
		"stops reading a flood": {16 << 20, "UnreadableAnswer"},
	} {
		t.Run(name, func(t *testing.T) {
			url := server(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, success+strings.Repeat(" ", tc.size-len(success)))
			})
			var read strings.Builder
			_, e := send(t, client(t, url, withTransport(func(own http.RoundTripper, req *http.Request) (*http.Response, error) {
				resp, err := own.RoundTrip(req)
				if err == nil {
					resp.Body = struct {
						io.Reader
						io.Closer
					}{io.TeeReader(resp.Body, &read), resp.Body}
				}
				return resp, err
			})))
			if reasonOf(e) != tc.want || read.Len() > maxAnswerBytes+1 {
				t.Errorf("got %+v after %d bytes", e, read.Len())
			}
		})
	}
}

func reasonOf(e *Error) string {
	if e == nil {
		return ""
	}
	return e.Reason
}

func TestCompressedAnswersAreUnreadable(t *testing.T) {
	var requested string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		requested = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, success)
		_ = zip.Close()
	})
	_, e := send(t, client(t, url))
	if e == nil || e.Reason != "UnreadableAnswer" || requested != "identity" {
		t.Errorf("got %+v, requested encoding %q", e, requested)
	}
}

func TestTimeoutCoversTheWholeRequest(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"before the answer": func(http.ResponseWriter) {},
		"before its body":   flush,
		"within its body":   func(w http.ResponseWriter) { _, _ = io.WriteString(w, success[:9]); flush(w) },
		"at the body's end": func(w http.ResponseWriter) { _, _ = io.WriteString(w, success); flush(w) },
		"in a rejection":    func(w http.ResponseWriter) { w.WriteHeader(404); flush(w) },
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, hangingServer(t, begin), func(cfg *Config) { cfg.Timeout = 20 * time.Millisecond })
			_, e := send(t, c)
			if e.Entry != entryTimeout || !errors.Is(e, context.DeadlineExceeded) {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// hangingServer begins an answer and does not end it.
func hangingServer(t *testing.T, begin func(http.ResponseWriter)) string {
	end := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, _ *http.Request) {
		begin(w)
		<-end
	})
	t.Cleanup(func() { close(end) }) // before the server is closed
	return url
}

// endable is a context that a test ends with an error of its choice.
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
