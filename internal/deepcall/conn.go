package deepcall

import (
	"net"
	"sync/atomic"
)

// maxConnBytes bounds the data read from a connection: the longest header and body, and as much again for interim
// answers, chunk sizes and trailers. The limits of net/http add up to more than a megabyte.
const maxConnBytes = 2 * (maxHeaderBytes + maxAnswerBytes)

const (
	errUnsolicited = fixedCause("the server sent data before it received a request")
	errTooMuchData = fixedCause("the server sent too much data")
)

// requestConn is the connection of one request. It fails when the server sends data too early or more than maxConnBytes.
//
// net/http reads from a new connection at once and logs data that arrives before the request. That data can quote an
// earlier request with its credentials.
type requestConn struct {
	net.Conn

	requested atomic.Bool // the request was begun
	unread    int64       // how much can still be read; used by net/http's reading goroutine only
}

func newRequestConn(conn net.Conn) *requestConn {
	return &requestConn{Conn: conn, unread: maxConnBytes}
}

func (c *requestConn) Read(p []byte) (int, error) {
	if c.unread == 0 {
		return 0, errTooMuchData
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.unread)])
	if n > 0 && !c.requested.Load() {
		c.unread = 0
		return 0, errUnsolicited
	}
	c.unread -= int64(n)
	return n, err
}

func (c *requestConn) Write(p []byte) (int, error) {
	c.requested.Store(true)
	return c.Conn.Write(p)
}
