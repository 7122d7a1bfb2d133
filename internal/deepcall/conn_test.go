package deepcall

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"testing"
)

// scripted is a connection on which this comes, a part with each Read, and then nothing more.
type scripted struct {
	net.Conn
	parts  []string
	closed bool
}

func (c *scripted) Read(p []byte) (int, error) {
	if len(c.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.parts[0])
	c.parts = c.parts[1:]
	return n, nil
}

func (c *scripted) Close() error {
	c.closed = true
	return nil
}

func expectRead(t *testing.T, c *orderlyConn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

func expectUnasked(t *testing.T, c *orderlyConn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 9)); n != 0 || !errors.Is(err, errUnasked) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestAConnectionGivesEachRequestItsOwnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		parts []string
		play  func(t *testing.T, c *orderlyConn)
		used  bool // again, at the end
	}{
		"one after the other": {[]string{"first", "second"}, func(t *testing.T, c *orderlyConn) {
			c.ask()
			expectRead(t, c, "first")
			c.answer()
			c.ask()
			expectRead(t, c, "second")
		}, true},
		"though the next begins before the last one ended": {[]string{"first", "second"}, func(t *testing.T, c *orderlyConn) {
			c.ask()
			expectRead(t, c, "first")
			c.ask()
			c.answer()
			expectRead(t, c, "second")
		}, true},
		"and not what came together with the one before": {[]string{"firstsecond"}, func(t *testing.T, c *orderlyConn) {
			c.ask()
			expectRead(t, c, "first")
			c.answer()
			c.ask()
			expectUnasked(t, c)
		}, false},
		"and not what came together with it, though the next began before it ended": {[]string{"firstsecond"}, func(t *testing.T, c *orderlyConn) {
			c.ask()
			expectRead(t, c, "first")
			c.ask()
			c.answer()
			expectUnasked(t, c)
		}, false},
		"and not what came between": {[]string{"first", "second"}, func(t *testing.T, c *orderlyConn) {
			c.ask()
			expectRead(t, c, "first")
			c.answer()
			expectUnasked(t, c)
			c.ask()
			expectUnasked(t, c)
		}, false},
		"and not what came before any": {[]string{"first"}, func(t *testing.T, c *orderlyConn) {
			expectUnasked(t, c)
			c.ask()
			expectUnasked(t, c)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			below := &scripted{parts: tc.parts}
			tc.play(t, &orderlyConn{Conn: below})
			if below.closed == tc.used {
				t.Errorf("the connection is closed: %v", below.closed)
			}
		})
	}
}

func TestAConnectionGivesOnlySoMuchForOneRequest(t *testing.T) {
	c := &orderlyConn{Conn: &scripted{parts: strings.Split(strings.Repeat("x", 2*maxWireBytes/1024), "")}}
	for i, part := range c.Conn.(*scripted).parts {
		c.Conn.(*scripted).parts[i] = strings.Repeat(part, 1024)
	}
	c.ask()
	expectRead(t, c, strings.Repeat("x", maxWireBytes))
	if n, err := c.Read(make([]byte, 9)); n != 0 || !errors.Is(err, errFlood) {
		t.Errorf("read %d bytes more, %v", n, err)
	}
}

// net/http tells the standard logger of such an answer, with its text.
func TestAnAnswerThatWasNotAskedForIsNotLogged(t *testing.T) {
	var logged bytes.Buffer
	before := log.Writer()
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(before) })

	url, _ := rawServer(t, rawSuccess+testToken, rawSuccess)
	c := client(t, url)
	for range 2 {
		call(t, c, context.Background()) // the second may meet the connection that is given up
	}
	c.CloseIdleConnections()
	if logged.Len() > 0 {
		t.Errorf("the log says %q", logged.String())
	}
}
