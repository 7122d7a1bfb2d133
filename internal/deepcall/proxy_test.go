package deepcall

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest/connectproxy"
)

func addressOf(server *httptest.Server) string { return server.Listener.Addr().String() }

// through sets the proxy of a client.
func through(t *testing.T, proxyURL string) func(*Config) {
	t.Helper()
	parsed, err := url.Parse(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	return func(cfg *Config) { cfg.AllowInsecure, cfg.Proxy = false, http.ProxyURL(parsed) }
}

// proxiedEndpoint is a name in the certificate of httptest that no resolver knows.
const proxiedEndpoint = "https://example.com."

func TestProxy(t *testing.T) {
	srv, _ := tlsServer(t, nil)
	for name, secure := range map[string]bool{"over a plain connection": false, "over TLS with a private CA": true} {
		t.Run(name, func(t *testing.T) {
			proxy := connectproxy.Start(t, addressOf(srv), secure)
			roots := x509.NewCertPool()
			if secure {
				roots.AddCert(proxy.Certificate())
			}
			trusted := func(cfg *Config) { cfg.ProxyRoots = roots }
			_, e := send(t, client(t, proxiedEndpoint, through(t, proxy.URL), trusting(srv), trusted))
			if e != nil {
				t.Fatal(e)
			}
			if requests := proxy.Requests(); !slices.Equal(requests, []string{"CONNECT example.com:443"}) {
				t.Errorf("the proxy got %q", requests)
			}
			if sent := proxy.Sent(); sent == "" || strings.Contains(sent, testToken) || strings.Contains(sent, "POST") {
				t.Errorf("the %d bytes that passed through the proxy contain the request, or nothing", len(sent))
			}
		})
	}
	t.Run("with credentials", func(t *testing.T) {
		proxy := connectproxy.Start(t, addressOf(srv), false)
		proxy.Credentials = "operator:p@ss:word"
		own := proxy.WithCredentials("operator:p%40ss%3Aword")
		if _, e := send(t, client(t, proxiedEndpoint, through(t, own), trusting(srv))); e != nil {
			t.Error(e)
		}
		_, e := send(t, client(t, proxiedEndpoint, through(t, strings.Replace(own, "operator", "other", 1)), trusting(srv)))
		if e == nil || e.Cause() != string(errProxyCredentials) || strings.Contains(e.Error(), "word") {
			t.Errorf("got %v", e)
		}
	})
	t.Run("is not used for http", func(t *testing.T) {
		plain, requests := rawServer(t, rawSuccess)
		proxy := connectproxy.Start(t, strings.TrimPrefix(plain, "http://"), false)
		c := client(t, plain, through(t, proxy.URL), func(cfg *Config) { cfg.AllowInsecure = true })
		if _, e := send(t, c); e != nil || requests.Load() != 1 {
			t.Errorf("got %v after %d requests", e, requests.Load())
		}
		if requests := proxy.Requests(); len(requests) > 0 {
			t.Errorf("the proxy got %q", requests)
		}
	})
	t.Run("does not lift the check of addresses in the endpoint", func(t *testing.T) {
		proxy := connectproxy.Start(t, addressOf(srv), false)
		for _, endpoint := range []string{"https://127.0.0.1", "https://[::1]", "https://169.254.169.254", "https://db.localhost", "https://localhost.."} {
			_, e := send(t, client(t, endpoint, through(t, proxy.URL), trusting(srv)))
			if e == nil || e.Reason != "EndpointNotAllowed" {
				t.Errorf("%s: got %v", endpoint, e)
			}
		}
		if requests := proxy.Requests(); len(requests) > 0 {
			t.Errorf("the proxy got %q", requests)
		}
	})
}

func TestProxy_failures_are_certain(t *testing.T) {
	srv, requests := tlsServer(t, nil)
	closed := closedPort(t)
	refusing := connectproxy.Start(t, strings.TrimPrefix(closed, "http://"), false)
	answering := func(answer string) string {
		proxy, _ := rawServer(t, answer)
		return proxy
	}

	for name, tc := range map[string]struct{ proxy, cause string }{
		"if it can't be reached":         {closed, "the proxy can't be reached: connection refused"},
		"if its name does not exist":     {"http://invalid.invalid.:80", "the proxy can't be reached: no such host"},
		"if it can't reach the endpoint": {refusing.URL, "the proxy refused the connection (HTTP 502)"},
		"if it closes the connection":    {answering(""), "the proxy closed the connection"},
		"if it closes within the answer": {answering("HTTP/1.1 200 OK\r\nX: y\r\n"), "the proxy closed the connection"},
		"if it does not speak HTTP":      {answering("SSH-2.0-OpenSSH_9.6\r\n"), "the proxy's answer is not valid HTTP"},
		"if its header is too long":      {answering("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n"), "the proxy closed the connection"},
		"if data follows its answer":     {answering("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), string(errUnsolicited)},
		"if it redirects":                {answering("HTTP/1.1 302 Found\r\nLocation: https://other.example\r\n\r\n"), "the proxy refused the connection (HTTP 302)"},
		"if its scheme is not supported": {"socks5://127.0.0.1:1080", string(errInvalidProxy)},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := send(t, client(t, proxiedEndpoint, through(t, tc.proxy), trusting(srv)))
			if e == nil || e.Entry != entryConnectionFailed || e.Cause() != tc.cause || e.Uncertain {
				t.Errorf("got %+v with the cause %q", e, e.Cause())
			}
		})
	}
	t.Run("if its certificate is not trusted", func(t *testing.T) {
		proxy := connectproxy.Start(t, addressOf(srv), true)
		_, e := send(t, client(t, proxiedEndpoint, through(t, proxy.URL), trusting(srv))) // not the account's roots
		const want = "no secure connection to the proxy can be made: the server's certificate is signed by an unknown authority"
		if e == nil || e.Reason != "ConnectionFailed" || e.Cause() != want || e.Uncertain {
			t.Errorf("got %+v with the cause %q", e, e.Cause())
		}
	})
	t.Run("if it leads to another server", func(t *testing.T) {
		proxy := connectproxy.Start(t, addressOf(srv), false)
		_, e := send(t, client(t, "https://other.invalid", through(t, proxy.URL), trusting(srv)))
		if e == nil || e.Reason != "TLSFailed" || e.Cause() != "the server's certificate is for another host name" || e.Uncertain {
			t.Errorf("got %+v with the cause %q", e, e.Cause())
		}
	})
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestProxy_without_an_answer_times_out(t *testing.T) {
	proxy := hangingServer(t, func(http.ResponseWriter) {})
	short := func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond }
	_, e := send(t, client(t, proxiedEndpoint, through(t, proxy), short))
	if e == nil || e.Reason != "Timeout" || e.Uncertain {
		t.Errorf("got %+v", e)
	}
}

func TestProxy_with_an_invalid_URL_is_reported_without_quoting_it(t *testing.T) {
	invalid := func(cfg *Config) {
		cfg.Proxy = func(*http.Request) (*url.URL, error) {
			return nil, errors.New("invalid proxy address http://operator:password@proxy")
		}
	}
	_, e := send(t, client(t, proxiedEndpoint, invalid))
	if e == nil || e.Cause() != string(errInvalidProxy) {
		t.Errorf("got %+v", e)
	}
}
