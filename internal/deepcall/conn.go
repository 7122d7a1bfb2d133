package deepcall

import (
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
)

// maxWireBytes is how much is read of a connection for one call: a header and a body of the most that is
// read of each, and as much again for what chunks and interim answers add.
const maxWireBytes = 2 * (maxHeaderBytes + maxAnswerBytes)

var (
	errUnasked = errors.New("the server sent something that it was not asked for")
	errFlood   = errors.New("the server sent too much")
)

// orderlyConn sees to it that each answer belongs to its request. By itself, net/http keeps a connection on
// which more came than the answer. It writes what it finds there into the log, which may quote the request
// and its credentials, or takes it for the answer to the next request.
//
// So net/http is handed one byte at a time, lest it read beyond an answer, and a connection with something
// left on it is not used again.
type orderlyConn struct {
	net.Conn

	mu       sync.Mutex
	buffer   [4 << 10]byte
	unread   []byte
	given    int  // how much was handed out for the present request
	asked    int  // how many requests began
	answered int  // and how many answers were read to their end
	spoiled  bool // something came between them
}

// keepOrder wraps what a dialler returns.
func keepOrder(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &orderlyConn{Conn: conn}, nil
}

// Read hands out a byte of the answer. While no request waits for one, whatever comes is an error.
func (c *orderlyConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.fill(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.spoiled, c.asked == c.answered:
		c.spoiled = true
		return 0, errUnasked
	case c.given == maxWireBytes:
		return 0, errFlood
	}
	p[0], c.unread = c.unread[0], c.unread[1:]
	c.given++
	return 1, nil
}

// fill reads on when nothing is left unread. Only net/http's one reader comes here, so the lock is not
// held while it waits.
func (c *orderlyConn) fill() error {
	c.mu.Lock()
	left := len(c.unread)
	c.mu.Unlock()
	if left > 0 {
		return nil
	}
	n, err := c.Conn.Read(c.buffer[:])
	if n == 0 {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = c.buffer[:n]
	return nil
}

// ask begins a request. If something is left from before, the connection is closed, and the call fails.
func (c *orderlyConn) ask() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	c.given = 0
	if len(c.unread) > 0 || c.spoiled {
		c.spoiled = true
		_ = c.Conn.Close()
	}
}

// answer ends it.
func (c *orderlyConn) answer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered++
}

// inOrder tells the connection of a call when its request begins and when its answer was read. The latter
// may come after the next request has begun already, which is why both are counted.
func inOrder() *httptrace.ClientTrace {
	var conn *orderlyConn
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if conn = orderly(info.Conn); conn != nil {
				conn.ask()
			}
		},
		PutIdleConn: func(err error) {
			if conn != nil && err == nil {
				conn.answer()
			}
		},
	}
}

// orderly finds the connection below those that decorate it, which may be done through Config.WrapTransport.
func orderly(conn net.Conn) *orderlyConn {
	for conn != nil {
		switch c := conn.(type) {
		case *orderlyConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
	return nil
}
