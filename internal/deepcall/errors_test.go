package deepcall

import (
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
			_, e := sendWith(ctx, t, client(t, "http://127.0.0.1:1"))
			if e.Entry != tc.want || e.Uncertain || e.HTTPStatus != 0 || !errors.Is(e, tc.err) {
				t.Errorf("got %+v", e)
			}
		})
		t.Run(name+" before the answer", func(t *testing.T) {
			ctx := &endable{context.Background(), make(chan struct{}), tc.err}
			url := hangingServer(t, func(http.ResponseWriter) { close(ctx.done) })
			_, e := sendWith(ctx, t, client(t, url))
			if e.Entry != tc.want || !e.Uncertain || e.HTTPStatus != 0 || !errors.Is(e, tc.err) {
				t.Errorf("got %+v", e)
			}
		})
		for status, want := range map[int]Entry{200: tc.want, 404: tc.want, 401: entryUnauthorized, 503: withStatus(entryServerError, 503)} {
			t.Run(fmt.Sprintf("%s within an answer of HTTP %d", name, status), func(t *testing.T) {
				ctx := &endable{context.Background(), make(chan struct{}), tc.err}
				url := hangingServer(t, func(w http.ResponseWriter) { w.WriteHeader(status); flush(w) })
				_, e := sendWith(ctx, t, client(t, url, withTransport(func(own http.RoundTripper, req *http.Request) (*http.Response, error) {
					defer close(ctx.done)
					return own.RoundTrip(req)
				})))
				if e.Entry != want || e.Uncertain != (want.Class == Transient) || e.HTTPStatus != status || errors.Is(e, tc.err) != (want == tc.want) {
					t.Errorf("got %+v", e)
				}
			})
		}
	}
}

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
			_, e := send(t, client(t, "https://deepcall.invalid", withTransport(func(http.RoundTripper, *http.Request) (*http.Response, error) {
				return nil, tc.err
			})))
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
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closing, _ := rawServer(t, "")
	noHTTP, _ := rawServer(t, "SSH-2.0-OpenSSH_9.6\r\n")
	withoutTLS, requests := rawServer(t, "")
	silent := hangingServer(t, func(http.ResponseWriter) {})

	const failed, insecure = "The connection to DeepCall failed: ", "No secure connection to DeepCall could be made: "
	for name, tc := range map[string]struct {
		endpoint  string
		bundle    []byte
		want      string
		uncertain bool
	}{
		"a closed port":              {closedPort(t), nil, failed + "connection refused", false},
		"a name that does not exist": {"http://invalid.invalid.:80", nil, withoutAddress(entryConnectionFailed).Message + ": no such host", false},
		"a closed connection":        {closing, nil, failed + "the server closed the connection", true},
		"another protocol":           {noHTTP, nil, failed + "the server's answer is not valid HTTP", true},
		"a server without answer":    {silent, nil, "DeepCall did not answer in time: context deadline exceeded", true},
		"an unknown authority":       {trusted.URL, nil, insecure + "the server's certificate is signed by an unknown authority", false},
		"another host name": {
			strings.Replace(trusted.URL, "127.0.0.1", "localhost", 1), bundle(trusted), insecure + "the server's certificate is for another host name", false,
		},
		"plain HTTP":           {"https" + strings.TrimPrefix(plain.URL, "http"), nil, insecure + "the server answered in plain HTTP", false},
		"a server without TLS": {"https" + strings.TrimPrefix(withoutTLS, "http"), nil, insecure + "the server closed the connection during the TLS handshake", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, tc.endpoint, func(cfg *Config) {
				cfg.CABundle = tc.bundle
				if tc.endpoint == silent {
					cfg.Timeout = 20 * time.Millisecond
				}
			})
			if _, e := send(t, c); e == nil || e.Error() != tc.want || e.Uncertain != tc.uncertain || e.HTTPStatus != 0 || requests.Load() != 0 {
				t.Errorf("got %+v, want %s, uncertain %v", e, tc.want, tc.uncertain)
			}
		})
	}
}

func TestEchoedCredentialsAreNotShown(t *testing.T) {
	echo := func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		return string(body)
	}
	withCode := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "code": code, "message": "you sent " + echo(r)})
		}
	}
	raw := func(start string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			sent := echo(r)
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(conn, start+" "+sent+"\r\n\r\n")
			_ = conn.Close()
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"in the message of a known code":    withCode(1014),
		"in the message of an unknown code": withCode(9999),
		"in a body that is not JSON":        func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(r)+"!") },
		"in an answer that is not HTTP":     raw(testToken),
		"in a malformed header":             raw("HTTP/1.1 200 OK\r\n" + testToken),
	} {
		t.Run(name, func(t *testing.T) {
			_, e := send(t, client(t, server(t, handler))) // which looks for secrets
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
		if answer, e := send(t, client(t, url)); e != nil || answer.Message != redacted {
			t.Errorf("got %+v, %v", answer, e)
		}
	})
}

func TestPanicsDoNotQuoteTheRequest(t *testing.T) {
	_, e := send(t, client(t, "https://deepcall.invalid", withTransport(func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		panic(testToken + " in " + string(body))
	})))
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
