package hostile

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// meter counts the bytes that the client reads.
type meter struct{ wire, body atomic.Int64 }

// wrap counts the bytes of the connections and of the bodies.
func (m *meter) wrap(next http.RoundTripper) http.RoundTripper {
	transport := next.(*http.Transport)
	for _, dial := range []*func(context.Context, string, string) (net.Conn, error){&transport.DialContext, &transport.DialTLSContext} {
		original := *dial
		*dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := original(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &meteredConn{Conn: conn, read: &m.wire}, nil
		}
	}
	return meteredTransport{transport, &m.body}
}

type meteredConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *meteredConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

type meteredTransport struct {
	*http.Transport
	read *atomic.Int64
}

func (m meteredTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := m.Transport.RoundTrip(req)
	if err == nil {
		resp.Body = &meteredBody{resp.Body, m.read}
	}
	return resp, err
}

type meteredBody struct {
	io.ReadCloser
	read *atomic.Int64
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	return n, err
}

// logCapture captures the output of the standard logger, which net/http uses.
type logCapture struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logCapture) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logCapture) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func captureLog(t *testing.T) *logCapture {
	t.Helper()
	l, before := &logCapture{}, log.Writer()
	log.SetOutput(l)
	t.Cleanup(func() { log.SetOutput(before) })
	return l
}
