package deepcall

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEndedContexts(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want Entry
	}{
		"canceled":    {context.Canceled, entryCanceled},
		"out of time": {context.DeadlineExceeded, entryTimeout},
	} {
		t.Run(name+" before the request", func(t *testing.T) {
			ctx := &endable{context.Background(), make(chan struct{}), tc.err}
			close(ctx.done)
			_, e := send(t, client(t, "http://127.0.0.1:1"), ctx)
			if e.Entry != tc.want || e.Uncertain || e.HTTPStatus != 0 || !errors.Is(e, tc.err) {
				t.Errorf("got %+v", e)
			}
		})
		t.Run(name+" before the answer", func(t *testing.T) {
			ctx := &endable{context.Background(), make(chan struct{}), tc.err}
			url := hangingServer(t, func(http.ResponseWriter) { close(ctx.done) })
			_, e := send(t, client(t, url), ctx)
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
				_, e := send(t, c, ctx)
				if e.Entry != want || e.Uncertain != (want.Class == Transient) || e.HTTPStatus != status || errors.Is(e, tc.err) != (want == tc.want) {
					t.Errorf("got %+v", e)
				}
			})
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestOnceBody(t *testing.T) {
	t.Run("is not sent once it is closed", func(t *testing.T) {
		body := &onceBody{Reader: strings.NewReader("x")}
		if !body.closeUnread() {
			t.Error("an unread body counts as sent")
		}
		if n, err := body.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("read %d, %v", n, err)
		}
	})
	t.Run("counts as sent once it is read", func(t *testing.T) {
		body := &onceBody{Reader: strings.NewReader("x")}
		if n, _ := body.Read(make([]byte, 1)); n != 1 || body.closeUnread() {
			t.Error("a body that was read counts as unread")
		}
	})
}

// The causes are held to the exact text, so that no other text gets into one.
func TestCausesAreFixedPhrases(t *testing.T) {
	quoting := errors.New("malformed HTTP status code " + testToken)
	for name, tc := range map[string]struct {
		err    error
		reason string
		cause  string
	}{
		"a name that does not exist": {
			&net.DNSError{Err: testToken, Name: testToken, IsNotFound: true}, "ConnectionFailed", "no such host",
		},
		"a name server that fails": {
			&net.DNSError{Err: testToken, Name: testToken}, "ConnectionFailed", "the name could not be resolved",
		},
		"a refused connection":            {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "ConnectionFailed", "connection refused"},
		"a reset connection":              {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "ConnectionFailed", "connection reset"},
		"a broken pipe":                   {&net.OpError{Op: "write", Err: syscall.EPIPE}, "ConnectionFailed", "connection reset"},
		"no route":                        {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, "ConnectionFailed", "no route to the server"},
		"a closed connection":             {fmt.Errorf("%s: %w", testToken, io.EOF), "ConnectionFailed", "the server closed the connection"},
		"a truncated header":              {fmt.Errorf("%s: %w", testToken, io.ErrUnexpectedEOF), "ConnectionFailed", "the server closed the connection"},
		"an early answer":                 {fmt.Errorf("%s: %w", testToken, errUnsolicited), "ConnectionFailed", "the server sent data before it received a request"},
		"a flood":                         {fmt.Errorf("%s: %w", testToken, errTooMuchData), "ConnectionFailed", "the server sent too much data"},
		"a connection that is not opened": {&net.OpError{Op: "dial", Err: syscall.EADDRNOTAVAIL}, "ConnectionFailed", "the connection could not be opened"},
		"a connection that is forbidden":  {&net.OpError{Op: "dial", Err: syscall.EPERM}, "ConnectionFailed", "the connection could not be opened"},
		"an alert":                        {&net.OpError{Op: "remote error", Err: quoting}, "ConnectionFailed", "the server rejected the TLS connection"},
		"malformed HTTP":                  {quoting, "ConnectionFailed", "the server's answer is not valid HTTP"},
		"a time-out":                      {&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, "Timeout", "context deadline exceeded"},
		"an address":                      {&net.OpError{Op: "dial", Err: errAddressNotAllowed}, "EndpointNotAllowed", ""},
		"a failed handshake":              {&handshakeError{quoting}, "TLSFailed", "the TLS handshake failed"},
		"an unknown authority":            {&handshakeError{x509.UnknownAuthorityError{}}, "TLSFailed", "the server's certificate is signed by an unknown authority"},
		"another host name":               {&handshakeError{x509.HostnameError{Host: testToken, Certificate: &x509.Certificate{}}}, "TLSFailed", "the server's certificate is for another host name"},
		"another certificate":             {&handshakeError{x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign, Detail: testToken}}, "TLSFailed", "the server's certificate is invalid"},
		"an expired certificate": {
			&handshakeError{x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time 2 is after 1" + testToken}}, "TLSFailed", "the server's certificate has expired",
		},
		"a future certificate": {
			&handshakeError{x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time 1 is before 2" + testToken}}, "TLSFailed", "the server's certificate is not yet valid",
		},
		"a certificate for clients": {
			&handshakeError{x509.CertificateInvalidError{Reason: x509.IncompatibleUsage, Detail: testToken}}, "TLSFailed", "the server's certificate is not for servers",
		},
		"an unknown extension":          {&handshakeError{x509.UnhandledCriticalExtension{}}, "TLSFailed", "the server's certificate is invalid"},
		"no roots":                      {&handshakeError{x509.SystemRootsError{Err: quoting}}, "TLSFailed", "the system's trusted roots could not be loaded"},
		"a rejected handshake":          {&handshakeError{&net.OpError{Op: "remote error", Err: quoting}}, "TLSFailed", "the server rejected the TLS handshake"},
		"a handshake without an answer": {&handshakeError{io.EOF}, "TLSFailed", "the server closed the connection during the TLS handshake"},
		"a reset handshake":             {&handshakeError{&net.OpError{Op: "read", Err: syscall.ECONNRESET}}, "TLSFailed", "the server closed the connection during the TLS handshake"},
		"an old certificate":            {&handshakeError{x509.CertificateInvalidError{Reason: x509.Expired, Detail: testToken}}, "TLSFailed", "the server's certificate has expired or is not yet valid"},
		"a server of plain HTTP": {
			&handshakeError{tls.RecordHeaderError{Msg: testToken, RecordHeader: [5]byte([]byte("HTTP/"))}}, "TLSFailed", "the server answered in plain HTTP",
		},
		"a server without TLS": {
			&handshakeError{tls.RecordHeaderError{Msg: testToken, RecordHeader: [5]byte([]byte("s3cr3"))}}, "TLSFailed", "the server does not speak TLS",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, "https://deepcall.invalid", func(cfg *Config) {
				cfg.WrapTransport = func(http.RoundTripper) http.RoundTripper {
					return roundTripper(func(*http.Request) (*http.Response, error) { return nil, tc.err })
				}
			})
			_, e := send(t, c, context.Background())
			want := e.Message
			if tc.cause != "" {
				want += ": " + tc.cause
			}
			if e.Reason != tc.reason || e.Error() != want {
				t.Errorf("got %s, %q, want %s, %q", e.Reason, e.Error(), tc.reason, want)
			}
			if want := strings.TrimSuffix(tc.cause, context.DeadlineExceeded.Error()); e.Cause() != want {
				t.Errorf("got the cause %q, want %q", e.Cause(), want)
			}
		})
	}
}

func TestCausesOfRealServers(t *testing.T) {
	trusted, _ := tlsServer(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	_ = listener.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closing, _ := rawServer(t, "")
	noHTTP, _ := rawServer(t, "SSH-2.0-OpenSSH_9.6\r\n")
	silent := hangingServer(t, func(http.ResponseWriter) {})

	for name, tc := range map[string]struct {
		endpoint string
		bundle   []byte
		want     string
	}{
		"a closed port":           {closed, nil, "The connection to DeepCall failed: connection refused"},
		"a closed connection":     {closing, nil, "The connection to DeepCall failed: the server closed the connection"},
		"another protocol":        {noHTTP, nil, "The connection to DeepCall failed: the server's answer is not valid HTTP"},
		"a server without answer": {silent, nil, "DeepCall did not answer in time: context deadline exceeded"},
		"an unknown authority":    {trusted.URL, nil, "No secure connection to DeepCall could be made: the server's certificate is signed by an unknown authority"},
		"another host name": {
			strings.Replace(trusted.URL, "127.0.0.1", "localhost", 1), bundle(trusted),
			"No secure connection to DeepCall could be made: the server's certificate is for another host name",
		},
		"plain HTTP": {
			strings.Replace(plain.URL, "http://", "https://", 1), nil,
			"No secure connection to DeepCall could be made: the server answered in plain HTTP",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, tc.endpoint, func(cfg *Config) {
				cfg.CABundle = tc.bundle
				if tc.endpoint == silent {
					cfg.Timeout = 20 * time.Millisecond
				}
			})
			if _, e := send(t, c, context.Background()); e == nil || e.Error() != tc.want {
				t.Errorf("got %v, want %s", e, tc.want)
			}
		})
	}
}

func TestEchoedCredentialsAreNotShown(t *testing.T) {
	echo := func(r *http.Request) string {
		raw, _ := io.ReadAll(r.Body)
		return string(raw)
	}
	for name, handler := range map[string]http.HandlerFunc{
		"in the message of a known code": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "code": 1014, "message": "you sent " + echo(r)})
		},
		"in the message of an unknown code": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "code": 9999, "message": "you sent " + echo(r)})
		},
		"in a body that is not JSON": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(r)+"!") },
		"in an answer that is not HTTP": func(w http.ResponseWriter, r *http.Request) {
			sent := echo(r)
			conn, buffer, _ := http.NewResponseController(w).Hijack()
			_, _ = buffer.WriteString(testToken + " " + sent + "\r\n\r\n")
			_ = buffer.Flush()
			_ = conn.Close()
		},
		"in a malformed header": func(w http.ResponseWriter, r *http.Request) {
			sent := echo(r)
			conn, buffer, _ := http.NewResponseController(w).Hijack()
			_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\n" + testToken + " " + sent + "\r\n\r\n")
			_ = buffer.Flush()
			_ = conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := send(t, client(t, server(t, handler)), context.Background()) // which looks for secrets
			if e == nil {
				t.Fatal("got a success")
			}
			if e.Answer != nil {
				expectNoSecret(t, "the answer", e.Answer.Message)
				if want := map[int]string{1014: "Invalid token (invalid or expired)", 9999: redacted}[e.Answer.Code]; e.Answer.Message != want {
					t.Errorf("got %q, want %q", e.Answer.Message, want)
				}
			}
		})
	}
	t.Run("in a success", func(t *testing.T) {
		url := server(t, respond(200, `{"status":"success","code":200,"message":"hello `+testUserID+`"}`))
		if answer, e := send(t, client(t, url), context.Background()); e != nil || answer.Message != redacted {
			t.Errorf("got %+v, %v", answer, e)
		}
	})
}

func TestPanicsDoNotQuoteTheRequest(t *testing.T) {
	c := client(t, "https://deepcall.invalid", func(cfg *Config) {
		cfg.WrapTransport = func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				var body bytes.Buffer
				_, _ = body.ReadFrom(req.Body)
				panic(testToken + " in " + body.String())
			})
		}
	})
	_, e := send(t, c, context.Background())
	if e.Reason != "UnreadableAnswer" || !e.Uncertain || e.Error() != "DeepCall's answer could not be read: panic with a string" {
		t.Errorf("got %v", e)
	}
}

func TestAsError(t *testing.T) {
	denied := &Error{Entry: entryForbidden}
	if got := AsError(fmt.Errorf("send: %w", denied)); got != denied {
		t.Errorf("got %v, want %v", got, denied)
	}
	if got := AsError(nil); got != nil {
		t.Errorf("no error: got %v", got)
	}
	if got := AsError(errors.New("other")); got.Reason != "UnreadableAnswer" || !got.Uncertain {
		t.Errorf("another error: got %+v", got)
	}
}
