// Package hostile holds the real client against servers that misbehave, over real sockets on loopback:
// whatever comes back, there is no false success, no second request, no flood read, no hanging, no
// credential in an error, and the next honest call is a success.
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

// attack is one way for a server to misbehave, and what the client should make of it.
type attack struct {
	name string
	// serve misbehaves once the request was read; the connection is then used on unless it is closed.
	serve func(v *visit)
	// greet misbehaves before the request is read.
	greet func(v *visit)
	// shake misbehaves in the handshake of TLS.
	shake func(net.Conn, <-chan struct{}) net.Conn
	// want is the reason of the error, or several with a bar between where the network decides; "" for a success.
	want string
	// class of the error; Transient if empty.
	class string
	// certain means that the request can't have been applied.
	certain bool
	// either means that the network decides whether it is certain.
	either bool
	// slow attacks last until the client's time is up.
	slow bool
	// unseen is 1 if the server does not get to see the whole request.
	unseen int
	// secure is for attacks that need TLS.
	secure bool
	// large is for a request that fills the buffers on its way.
	large bool
}

// visit is a connection to the hostile server while it misbehaves.
type visit struct {
	net.Conn
	in        *bufio.Reader
	body      string          // the request's
	elsewhere string          // another server, which nobody should call
	end       <-chan struct{} // when the case is over
	closed    bool
}

// say writes, whether or not the client still listens.
func (v *visit) say(text ...string) {
	for _, part := range text {
		_, _ = io.WriteString(v.Conn, part)
	}
}

// flood writes again and again, until the client has had enough.
func (v *visit) flood(text string) {
	for {
		if _, err := io.WriteString(v.Conn, text); err != nil {
			return
		}
	}
}

// drip writes byte by byte, without end.
func (v *visit) drip(text string) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			if _, err := io.WriteString(v.Conn, text[i%len(text):i%len(text)+1]); err != nil {
				return
			}
		case <-v.end:
			return
		}
	}
}

// hang holds the connection open until the case is over.
func (v *visit) hang() { <-v.end }

// close ends the connection in good order, and waits for the client to do so too.
func (v *visit) close() {
	if half, ok := v.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	v.drain()
}

// drain reads until the client closes.
func (v *visit) drain() {
	_, _ = io.Copy(io.Discard, v.in)
	_ = v.Conn.Close()
	v.closed = true
}

// reset ends the connection at once, and throws away what is on its way.
func (v *visit) reset() {
	_ = v.tcp().SetLinger(0)
	_ = v.tcp().Close()
	v.closed = true
}

func (v *visit) tcp() *net.TCPConn {
	if secure, ok := v.Conn.(*tls.Conn); ok {
		return secure.NetConn().(*net.TCPConn)
	}
	return v.Conn.(*net.TCPConn)
}

// server misbehaves once when it is armed, and is honest otherwise.
type server struct {
	attack      attack
	good        *tls.Config                              // nil: without TLS
	bad         func(net.Conn, <-chan struct{}) net.Conn // instead of it: a handshake that misbehaves; nil when it ended the connection
	elsewhere   string
	listener    net.Listener
	armed       atomic.Bool
	always      bool // misbehaves at every request
	connections atomic.Int32
	requests    atomic.Int32
	begun       chan struct{} // closed when the attack begins
	attacked    chan struct{} // closed when it is over
	end         chan struct{}
	over        sync.WaitGroup

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
	s.begun, s.attacked, s.end = make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.over.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.connections.Add(1)
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.over.Go(func() { s.serve(conn) })
		}
	})
}

func (s *server) stop() {
	close(s.end)
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.over.Wait()
}

func (s *server) url() string {
	scheme := "http"
	if s.good != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, s.listener.Addr())
}

func (s *server) serve(conn net.Conn) {
	defer func(raw net.Conn) { _ = raw.Close() }(conn)
	if s.good != nil {
		handshake := shake(s.good)
		if s.bad != nil && s.armed.CompareAndSwap(true, false) {
			handshake = s.bad
			if s.attack.serve != nil {
				s.armed.Store(true) // this is a handshake like others
			} else {
				close(s.begun)
				defer close(s.attacked)
			}
		}
		if conn = handshake(conn, s.end); conn == nil {
			return
		}
	}
	v := &visit{Conn: conn, in: bufio.NewReader(conn), elsewhere: s.elsewhere, end: s.end}
	for fresh := true; !v.closed; fresh = false {
		if s.attack.greet != nil && fresh && s.strike(v, s.attack.greet) {
			continue
		}
		if _, err := v.in.Peek(1); err != nil {
			return
		}
		if s.attack.greet != nil && s.strike(v, s.attack.greet) {
			continue
		}
		body, err := read(v.in)
		if err != nil {
			return
		}
		s.requests.Add(1)
		v.body = body
		switch {
		case s.always:
			s.attack.serve(v)
		case s.attack.serve == nil || !s.strike(v, s.attack.serve):
			v.say(answer(honest))
		}
	}
}

// shake is a handshake with this configuration.
func shake(config *tls.Config) func(net.Conn, <-chan struct{}) net.Conn {
	return func(conn net.Conn, _ <-chan struct{}) net.Conn {
		secure := tls.Server(conn, config)
		if secure.Handshake() != nil {
			return nil
		}
		return secure
	}
}

// strike misbehaves, if it is time to.
func (s *server) strike(v *visit, how func(*visit)) bool {
	if !s.armed.CompareAndSwap(true, false) {
		return false
	}
	close(s.begun)
	defer close(s.attacked)
	how(v)
	return true
}

func read(in *bufio.Reader) (body string, err error) {
	req, err := http.ReadRequest(in)
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(req.Body)
	if err == nil && int64(len(raw)) != req.ContentLength {
		err = errors.New("the request has no length")
	}
	return string(raw), err
}

const (
	honest  = `{"status":"success","code":200,"message":"honest"}`
	hostile = `{"status":"success","code":200,"message":"hostile"}`
	poison  = `{"status":"success","code":200,"message":"poison"}`
	refusal = `{"status":"error","code":1505,"message":"Invalid group data"}`
)

// answer is an orderly HTTP answer, with more header fields if there are any.
func answer(body string, fields ...string) string { return answerWith("200 OK", body, fields...) }

func answerWith(status, body string, fields ...string) string {
	return head(status, append(fields, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// head is the header of an answer, as it is given.
func head(status string, fields ...string) string {
	text := "HTTP/1.1 " + status + "\r\n"
	for _, field := range fields {
		text += field + "\r\n"
	}
	return text + "\r\n"
}

// says serves some text, and keeps the connection.
func says(text ...string) func(*visit) { return func(v *visit) { v.say(text...) } }

// saysAndCloses serves some text, and closes the connection.
func saysAndCloses(text ...string) func(*visit) {
	return func(v *visit) { v.say(text...); v.close() }
}

// saysAndHangs serves some text, and nothing more.
func saysAndHangs(text ...string) func(*visit) {
	return func(v *visit) { v.say(text...); v.hang() }
}
