package deepcall

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeConn is a connection from which data can be read.
type fakeConn struct {
	net.Conn
	data io.Reader
}

func (c *fakeConn) Read(p []byte) (int, error) { return c.data.Read(p) }

func (c *fakeConn) Write(p []byte) (int, error) { return len(p), nil }

func TestRequestConn(t *testing.T) {
	twoParts := func() net.Conn {
		return &fakeConn{data: io.MultiReader(strings.NewReader("first"), strings.NewReader("second"))} // a Read returns one
	}
	t.Run("returns the answer to the request", func(t *testing.T) {
		c := newRequestConn(twoParts())
		_, _ = c.Write([]byte("request"))
		if got, err := io.ReadAll(c); err != nil || string(got) != "firstsecond" {
			t.Errorf("read %q, %v", got, err)
		}
	})
	t.Run("rejects data before the request", func(t *testing.T) {
		c := newRequestConn(twoParts())
		if got, err := io.ReadAll(c); len(got) != 0 || !errors.Is(err, errUnsolicited) {
			t.Errorf("read %q, %v", got, err)
		}
		_, _ = c.Write([]byte("request"))
		if got, err := io.ReadAll(c); len(got) != 0 || err == nil {
			t.Errorf("after the request, read %q, %v", got, err)
		}
	})
	t.Run("bounds the data", func(t *testing.T) {
		c := newRequestConn(&fakeConn{data: strings.NewReader(strings.Repeat("x", 2*maxConnBytes))})
		_, _ = c.Write([]byte("request"))
		if got, err := io.ReadAll(c); len(got) != maxConnBytes || !errors.Is(err, errTooMuchData) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
	})
}

func TestConnectionsAreNotReused(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"after successes":      respond(200, success),
		"after errors":         respond(500, `{"status":"error","code":1032}`),
		"after other answers":  respond(404, strings.Repeat("not found ", 1000)),
		"after empty answers":  respond(401, ""),
		"after longest bodies": respond(200, success+strings.Repeat(" ", maxAnswerBytes-len(success))),
		"against the server's wish": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "keep-alive")
			respond(200, success)(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(handler)
			var connections atomic.Int32
			srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			srv.Start()
			t.Cleanup(srv.Close)
			c := client(t, srv.URL)
			for range 5 {
				send(t, c)
			}
			if connections.Load() != 5 {
				t.Errorf("%d connections for five requests", connections.Load())
			}
		})
	}
}

// By default net/http logs such an answer through the standard logger.
func TestUnsolicitedAnswersAreNotLogged(t *testing.T) {
	var logged bytes.Buffer
	before := log.Writer()
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(before) })

	url, _ := rawServer(t, rawSuccess+testToken, rawSuccess)
	c := client(t, url)
	for range 2 {
		if answer, e := send(t, c); e != nil || answer.Code != 200 {
			t.Errorf("got %+v, %v", answer, e)
		}
	}
	if logged.Len() > 0 {
		t.Errorf("logged: %q", logged.String())
	}
}
