// Package hostile tests the client against servers that misbehave, over real sockets on loopback. Whatever the server
// sends, there is no false success, no second request, no unbounded read or wait, no credential in an error or a log,
// and the next request to an honest server succeeds.
package hostile

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serverConn is a connection of the hostile server during an attack.
type serverConn struct {
	net.Conn
	in       *bufio.Reader
	body     string          // the request's
	otherURL string          // of a server that must not be connected to
	stopping <-chan struct{} // closed at the end of the case
	closed   bool
}

// send writes data and ignores that the client can have closed the connection.
func (c *serverConn) send(text ...string) {
	for _, part := range text {
		_, _ = io.WriteString(c.Conn, part)
	}
}

// flood writes until the client closes the connection.
func (c *serverConn) flood(text string) {
	for {
		if _, err := io.WriteString(c.Conn, text); err != nil {
			return
		}
	}
}

// drip writes byte by byte, without end.
func (c *serverConn) drip(text string) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			if _, err := io.WriteString(c.Conn, text[i%len(text):i%len(text)+1]); err != nil {
				return
			}
		case <-c.stopping:
			return
		}
	}
}

// hang keeps the connection open until the end of the case.
func (c *serverConn) hang() { <-c.stopping }

// close closes the connection for writing and waits until the client closes it.
func (c *serverConn) close() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	c.drain()
}

// drain reads until the client closes the connection.
func (c *serverConn) drain() {
	_, _ = io.Copy(io.Discard, c.in)
	_ = c.Conn.Close()
	c.closed = true
}

// reset closes the connection at once and discards data that is not yet sent.
func (c *serverConn) reset() {
	_ = c.tcp().SetLinger(0)
	_ = c.tcp().Close()
	c.closed = true
}

func (c *serverConn) tcp() *net.TCPConn {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		return secure.NetConn().(*net.TCPConn)
	}
	return c.Conn.(*net.TCPConn)
}

// server misbehaves once when it is armed, and is honest otherwise.
type server struct {
	attack           attack
	tlsConfig        *tls.Config                              // nil: without TLS
	hostileHandshake func(net.Conn, <-chan struct{}) net.Conn // replaces the handshake; returns nil when it closed the connection
	otherURL         string
	listener         net.Listener
	armed            atomic.Bool
	always           bool // misbehaves at every request
	connections      atomic.Int32
	requests         atomic.Int32
	lastHost         atomic.Pointer[string] // the header Host of the last request
	attackStarted    chan struct{}
	attackEnded      chan struct{}
	stopping         chan struct{}
	goroutines       sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

func (s *server) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener, s.open = listener, map[net.Conn]bool{}
	s.attackStarted, s.attackEnded, s.stopping = make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.goroutines.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.connections.Add(1)
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.goroutines.Go(func() { s.serve(conn) })
		}
	})
}

func (s *server) stop() {
	close(s.stopping)
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.goroutines.Wait()
}

func (s *server) url() string {
	scheme := "http"
	if s.tlsConfig != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, s.listener.Addr())
}

func (s *server) serve(conn net.Conn) {
	defer func(raw net.Conn) { _ = raw.Close() }(conn)
	if s.tlsConfig != nil {
		handshake := handshakeWith(s.tlsConfig)
		if s.hostileHandshake != nil && s.armed.CompareAndSwap(true, false) {
			handshake = s.hostileHandshake
			if s.attack.onRequest != nil || s.attack.onConnect != nil {
				s.armed.Store(true) // the attack follows the handshake
			} else {
				close(s.attackStarted)
				defer close(s.attackEnded)
			}
		}
		if conn = handshake(conn, s.stopping); conn == nil {
			return
		}
	}
	c := &serverConn{Conn: conn, in: bufio.NewReader(conn), otherURL: s.otherURL, stopping: s.stopping}
	if s.attack.onConnect != nil {
		s.attackOnce(c, s.attack.onConnect)
	}
	for !c.closed {
		if _, err := c.in.Peek(1); err != nil {
			return
		}
		host, body, err := readRequest(c.in)
		if err != nil {
			return
		}
		s.requests.Add(1)
		s.lastHost.Store(&host)
		c.body = body
		switch {
		case s.always:
			s.attack.onRequest(c)
		case s.attack.onRequest == nil || !s.attackOnce(c, s.attack.onRequest):
			c.send(answer(honest))
		}
	}
}

// handshakeWith returns the handshake of a server with this configuration.
func handshakeWith(config *tls.Config) func(net.Conn, <-chan struct{}) net.Conn {
	return func(conn net.Conn, _ <-chan struct{}) net.Conn {
		secure := tls.Server(conn, config)
		if secure.Handshake() != nil {
			return nil
		}
		return secure
	}
}

// attackOnce runs the attack if the server is armed, and reports whether it was.
func (s *server) attackOnce(c *serverConn, attack func(*serverConn)) bool {
	if !s.armed.CompareAndSwap(true, false) {
		return false
	}
	close(s.attackStarted)
	defer close(s.attackEnded)
	attack(c)
	return true
}

func readRequest(in *bufio.Reader) (host, body string, err error) {
	req, err := http.ReadRequest(in)
	if err != nil {
		return "", "", err
	}
	raw, err := io.ReadAll(req.Body)
	if err == nil && int64(len(raw)) != req.ContentLength {
		err = errors.New("the request has no length")
	}
	return req.Host, string(raw), err
}

const (
	honest    = `{"status":"success","code":200,"message":"honest"}`
	hostile   = `{"status":"success","code":200,"message":"hostile"}`
	poison    = `{"status":"success","code":200,"message":"poison"}`
	rejection = `{"status":"error","code":1505,"message":"Invalid group data"}`
)

// answer returns a well-formed HTTP 200 with the body and further header fields.
func answer(body string, fields ...string) string { return answerWith("200 OK", body, fields...) }

func answerWith(status, body string, fields ...string) string {
	return head(status, append(fields, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// head returns the status line and the header of an answer.
func head(status string, fields ...string) string {
	text := "HTTP/1.1 " + status + "\r\n"
	for _, field := range fields {
		text += field + "\r\n"
	}
	return text + "\r\n"
}

// respond returns an attack that sends the text and leaves the connection open.
func respond(text ...string) func(*serverConn) { return func(c *serverConn) { c.send(text...) } }

// respondAndClose returns an attack that sends the text and closes the connection.
func respondAndClose(text ...string) func(*serverConn) {
	return func(c *serverConn) { c.send(text...); c.close() }
}

// respondAndHang returns an attack that sends the text and then nothing.
func respondAndHang(text ...string) func(*serverConn) {
	return func(c *serverConn) { c.send(text...); c.hang() }
}

// respondAndDrain returns an attack that sends the text, after which the client must close the connection.
func respondAndDrain(text ...string) func(*serverConn) {
	return func(c *serverConn) { c.send(text...); c.drain() }
}
