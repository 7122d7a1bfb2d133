// Package connectproxy is an HTTP proxy for tests that only knows CONNECT. It imports nothing of the operator, so that tests of any
// package can use it.
package connectproxy

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Proxy connects every name to one server, and records the data that passes.
type Proxy struct {
	*httptest.Server
	// Credentials are the "name:password" that the proxy requires; empty for none. They are set before the first request.
	Credentials string

	server string

	mu       sync.Mutex
	requests []string
	sent     []byte
}

// Start starts a proxy to the address of a server, over TLS if secure is set. It is closed at the end of the test.
func Start(t testing.TB, server string, secure bool) *Proxy {
	t.Helper()
	p := &Proxy{server: server}
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

// Requests returns the method and the target of each request.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Sent returns the data that clients sent through the tunnels.
func (p *Proxy) Sent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.sent)
}

// ServeHTTP implements [http.Handler].
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, fmt.Sprintf("%s %s", r.Method, r.RequestURI))
	p.mu.Unlock()
	required := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.Credentials))
	switch {
	case p.Credentials != "" && r.Header.Get("Proxy-Authorization") != required:
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = server.Close() }()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(io.MultiWriter(server, recorder{p}), conn) }()
	_, _ = io.Copy(conn, server)
}

// WithCredentials returns the proxy's URL with a user name and a password, in their URL encoding.
func (p *Proxy) WithCredentials(encoded string) string {
	return strings.Replace(p.URL, "://", "://"+encoded+"@", 1)
}

// recorder records the data that clients send.
type recorder struct{ *Proxy }

func (r recorder) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, data...)
	return len(data), nil
}
