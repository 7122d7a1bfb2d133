package deepcall

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// connectProxy is an HTTP proxy that only knows CONNECT. It connects every name to one server, and records what passes.
type connectProxy struct {
	*httptest.Server
	server string // the address that every name stands for
	user   string // "name:password", if the proxy requires credentials

	mu       sync.Mutex
	requests []string // method and target
	sent     []byte   // what the client sent through the tunnels
}

func newConnectProxy(t *testing.T, server string, secure bool) *connectProxy {
	t.Helper()
	proxy := &connectProxy{server: strings.TrimPrefix(server, "https://")}
	proxy.Server = httptest.NewUnstartedServer(proxy)
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		proxy.StartTLS()
	} else {
		proxy.Start()
	}
	t.Cleanup(proxy.Close)
	return proxy
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+r.RequestURI)
	p.mu.Unlock()
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user)); p.user != "" && r.Header.Get("Proxy-Authorization") != want {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(server, p), conn)
	_ = server.Close()
}

// Write records what a client sends.
func (p *connectProxy) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, data...)
	return len(data), nil
}

// seen returns the requests to the proxy, and what passed through the tunnels.
func (p *connectProxy) seen() (requests, sent string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.requests, "; "), string(p.sent)
}

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
			proxy := newConnectProxy(t, srv.URL, secure)
			roots := x509.NewCertPool()
			if secure {
				roots.AddCert(proxy.Certificate())
			}
			trusted := func(cfg *Config) { cfg.ProxyRoots = roots }
			_, e := send(t, client(t, proxiedEndpoint, through(t, proxy.URL), trusting(srv), trusted), context.Background())
			if e != nil {
				t.Fatal(e)
			}
			requests, sent := proxy.seen()
			if requests != "CONNECT example.com:443" {
				t.Errorf("the proxy got %q", requests)
			}
			if sent == "" || strings.Contains(sent, testToken) || strings.Contains(sent, "POST") {
				t.Errorf("the %d bytes that passed through the proxy contain the request, or nothing", len(sent))
			}
		})
	}
	t.Run("with credentials", func(t *testing.T) {
		proxy := newConnectProxy(t, srv.URL, false)
		proxy.user = "operator:p@ss:word"
		own := strings.Replace(proxy.URL, "http://", "http://operator:p%40ss%3Aword@", 1)
		if _, e := send(t, client(t, proxiedEndpoint, through(t, own), trusting(srv)), context.Background()); e != nil {
			t.Error(e)
		}
		_, e := send(t, client(t, proxiedEndpoint, through(t, strings.Replace(own, "operator", "other", 1)), trusting(srv)), context.Background())
		if e == nil || e.Cause() != string(errProxyCredentials) || strings.Contains(e.Error(), "word") {
			t.Errorf("got %v", e)
		}
	})
	t.Run("is not used for http", func(t *testing.T) {
		plain, requests := rawServer(t, rawSuccess)
		proxy := newConnectProxy(t, plain, false)
		c := client(t, plain, through(t, proxy.URL), func(cfg *Config) { cfg.AllowInsecure = true })
		if _, e := send(t, c, context.Background()); e != nil || requests.Load() != 1 {
			t.Errorf("got %v after %d requests", e, requests.Load())
		}
		if seen, _ := proxy.seen(); seen != "" {
			t.Errorf("the proxy got %q", seen)
		}
	})
	t.Run("does not lift the check of addresses in the endpoint", func(t *testing.T) {
		proxy := newConnectProxy(t, srv.URL, false)
		for _, endpoint := range []string{"https://127.0.0.1", "https://[::1]", "https://169.254.169.254", "https://db.localhost", "https://localhost.."} {
			_, e := send(t, client(t, endpoint, through(t, proxy.URL), trusting(srv)), context.Background())
			if e == nil || e.Reason != "EndpointNotAllowed" {
				t.Errorf("%s: got %v", endpoint, e)
			}
		}
		if seen, _ := proxy.seen(); seen != "" {
			t.Errorf("the proxy got %q", seen)
		}
	})
}

func TestProxy_failures_are_certain(t *testing.T) {
	srv, requests := tlsServer(t, nil)
	closed := httptest.NewServer(nil)
	closed.Close()
	refusing := newConnectProxy(t, closed.URL, false)
	refusing.server = strings.TrimPrefix(closed.URL, "http://")

	for name, tc := range map[string]struct{ proxy, reason, cause string }{
		"if it can't be reached":         {closed.URL, "ConnectionFailed", "the proxy can't be reached: connection refused"},
		"if its name does not exist":     {"http://invalid.invalid.:80", "ConnectionFailed", "the proxy can't be reached: no such host"},
		"if it can't reach the endpoint": {refusing.URL, "ConnectionFailed", "the proxy refused the connection (HTTP 502)"},
		"if it closes the connection":    {rawProxy(t, ""), "ConnectionFailed", "the proxy closed the connection"},
		"if it closes within the answer": {rawProxy(t, "HTTP/1.1 200 OK\r\nX: y\r\n"), "ConnectionFailed", "the proxy closed the connection"},
		"if it does not speak HTTP":      {rawProxy(t, "SSH-2.0-OpenSSH_9.6\r\n"), "ConnectionFailed", "the proxy's answer is not valid HTTP"},
		"if its header is too long":      {rawProxy(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxHeaderBytes)+"\r\n\r\n"), "ConnectionFailed", "the proxy closed the connection"},
		"if data follows its answer":     {rawProxy(t, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), "ConnectionFailed", string(errUnsolicited)},
		"if it redirects":                {rawProxy(t, "HTTP/1.1 302 Found\r\nLocation: https://other.example\r\n\r\n"), "ConnectionFailed", "the proxy refused the connection (HTTP 302)"},
		"if its scheme is not supported": {"socks5://127.0.0.1:1080", "ConnectionFailed", string(errInvalidProxy)},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := send(t, client(t, proxiedEndpoint, through(t, tc.proxy), trusting(srv)), context.Background())
			if e == nil || e.Reason != tc.reason || e.Cause() != tc.cause || e.Uncertain {
				t.Errorf("got %+v with the cause %q", e, e.Cause())
			}
		})
	}
	t.Run("if its certificate is not trusted", func(t *testing.T) {
		proxy := newConnectProxy(t, srv.URL, true)
		_, e := send(t, client(t, proxiedEndpoint, through(t, proxy.URL), trusting(srv)), context.Background()) // not the account's roots
		const want = "no secure connection to the proxy can be made: the server's certificate is signed by an unknown authority"
		if e == nil || e.Reason != "ConnectionFailed" || e.Cause() != want || e.Uncertain {
			t.Errorf("got %+v with the cause %q", e, e.Cause())
		}
	})
	t.Run("if it leads to another server", func(t *testing.T) {
		proxy := newConnectProxy(t, srv.URL, false)
		_, e := send(t, client(t, "https://other.invalid", through(t, proxy.URL), trusting(srv)), context.Background())
		if e == nil || e.Reason != "TLSFailed" || e.Cause() != "the server's certificate is for another host name" || e.Uncertain {
			t.Errorf("got %+v with the cause %q", e, e.Cause())
		}
	})
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestProxy_without_an_answer_times_out(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	short := func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond }
	_, e := send(t, client(t, proxiedEndpoint, through(t, "http://"+listener.Addr().String()), short), context.Background())
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
	_, e := send(t, client(t, proxiedEndpoint, invalid), context.Background())
	if e == nil || e.Cause() != string(errInvalidProxy) {
		t.Errorf("got %+v", e)
	}
}

// rawProxy answers every connection with the text, whatever it is asked.
func rawProxy(t *testing.T, answer string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

// trusting adds the certificates of servers to the CA bundle.
func trusting(servers ...*httptest.Server) func(*Config) {
	return func(cfg *Config) {
		for _, srv := range servers {
			if srv.TLS != nil {
				cfg.CABundle = append(cfg.CABundle, bundle(srv)...)
			}
		}
	}
}
