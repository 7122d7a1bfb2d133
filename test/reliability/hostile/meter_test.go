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

// meter counts what the client reads.
type meter struct{ wire, body atomic.Int64 }

// wrap counts below the transport, on the connections, and above, on the bodies.
func (m *meter) wrap(next http.RoundTripper) http.RoundTripper {
	transport := next.(*http.Transport)
	for _, dial := range []*func(context.Context, string, string) (net.Conn, error){&transport.DialContext, &transport.DialTLSContext} {
		original := *dial
		*dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := original(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &metered{Conn: conn, read: &m.wire}, nil
		}
	}
	return above{transport, &m.body}
}

type metered struct {
	net.Conn
	read *atomic.Int64
}

func (c *metered) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// NetConn is how the client finds its own connection in this one.
func (c *metered) NetConn() net.Conn { return c.Conn }

type above struct {
	*http.Transport
	read *atomic.Int64
}

func (a above) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.Transport.RoundTrip(req)
	if err == nil {
		resp.Body = &meteredBody{resp.Body, a.read}
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

// diary is what the standard logger is told, by net/http for one.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

func keepDiary(t *testing.T) *diary {
	t.Helper()
	d, before := &diary{}, log.Writer()
	log.SetOutput(d)
	t.Cleanup(func() { log.SetOutput(before) })
	return d
}
