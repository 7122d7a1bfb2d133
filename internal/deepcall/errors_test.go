package deepcall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

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

func TestWhatIsQuotedOfAnAnswerIsLeftOut(t *testing.T) {
	cred, err := ParseCredentials(map[string][]byte{"ssid": []byte(`half and "half`)})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`malformed HTTP status code "half"`:                                 `malformed HTTP status code "…"`,
		`malformed MIME header line: "x: and \"half" in an answer`:          `malformed MIME header line: "…" in an answer`,
		`at half and "half of it`:                                           `at [redacted] of it`,
		`unsupported transfer encoding: "` + strings.Repeat("x", 300) + `"`: `unsupported transfer encoding: "…"`,
		"connection refused":                                                "connection refused",
	} {
		if got := cred.redactCause(errors.New(text), nil).Error(); got != want {
			t.Errorf("%s\nis told as %s\ninstead of  %s", text, got, want)
		}
	}
}

func TestAPanicDoesNotCarryTheCredentials(t *testing.T) {
	c := client(t, "https://deepcall.invalid", func(cfg *Config) {
		cfg.WrapTransport = func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				var body bytes.Buffer
				_, _ = body.ReadFrom(req.Body)
				panic(testToken + " in " + body.String())
			})
		}
	})
	_, e := call(t, c, context.Background())
	if e.Reason != "UnreadableAnswer" || !e.Uncertain || !strings.Contains(e.Error(), "panic: "+redacted+" in ") || strings.Contains(e.Error(), testToken) {
		t.Errorf("got %v", e)
	}
}
