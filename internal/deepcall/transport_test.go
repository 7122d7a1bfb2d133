package deepcall

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestConnectionsAreKeptAndUsedAgain(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"after successes":      respond(200, success),
		"after errors":         respond(500, `{"status":"error","code":1032}`),
		"after other answers":  respond(404, strings.Repeat("not found ", 1000)),
		"after empty answers":  respond(401, ""),
		"after longest bodies": respond(200, success+strings.Repeat(" ", maxAnswerBytes-len(success))),
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
				call(t, c, context.Background())
			}
			if connections.Load() != 1 {
				t.Errorf("%d connections for five calls", connections.Load())
			}
		})
	}
}

// rawServer answers the requests of each connection by script: the first by
// script[0] and so on, then it closes the connection. It counts the requests.
func rawServer(t *testing.T, script ...string) (url string, requests *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	requests = &atomic.Int32{}
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		reader := bufio.NewReader(conn)
		for _, answer := range script {
			req, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			requests.Add(1)
			_, _ = io.WriteString(conn, answer)
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "http://" + listener.Addr().String(), requests
}

const rawSuccess = "HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n" + success

func TestACallIsNeverSentTwice(t *testing.T) {
	t.Run("when the server closes a kept connection instead of answering", func(t *testing.T) {
		url, requests := rawServer(t, rawSuccess, "")
		c := client(t, url)
		if _, e := call(t, c, context.Background()); e != nil {
			t.Fatal(e)
		}
		_, e := call(t, c, context.Background())
		if e == nil || e.Reason != "ConnectionFailed" || !e.Uncertain || requests.Load() != 2 {
			t.Errorf("got %+v after %d requests, want two", e, requests.Load())
		}
	})
	t.Run("when the server closes kept connections at once", func(t *testing.T) {
		url, requests := rawServer(t, rawSuccess)
		c := client(t, url)
		const calls = 20
		for range calls {
			call(t, c, context.Background()) // which may fail, as the closing may cross it
		}
		if requests.Load() > calls {
			t.Errorf("%d requests for %d calls", requests.Load(), calls)
		}
	})
}

func TestBrokenConnections(t *testing.T) {
	for name, tc := range map[string]struct{ answer, reason string }{
		"closed before an answer":       {"", "ConnectionFailed"},
		"closed within the header":      {"HTTP/1.1 200 OK\r\nContent-", "ConnectionFailed"},
		"what is no HTTP":               {"SSH-2.0-OpenSSH_9.6\r\n", "ConnectionFailed"},
		"a header without end":          {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n", "ConnectionFailed"},
		"closed within the body":        {"HTTP/1.1 200 OK\r\nContent-Length: 480\r\n\r\n" + success, "UnreadableAnswer"},
		"closed within a chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n" + success, "UnreadableAnswer"},
		"closed within the body of 404": {"HTTP/1.1 404 Not Found\r\nContent-Length: 480\r\n\r\n", "UnexpectedStatus"},
		"switched protocols":            {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + success, "UnexpectedStatus"},
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := rawServer(t, tc.answer)
			_, e := call(t, client(t, url), context.Background())
			if e == nil || e.Reason != tc.reason || !e.Uncertain || requests.Load() != 1 {
				t.Errorf("got %+v after %d requests", e, requests.Load())
			}
		})
	}
	t.Run("early hints are skipped", func(t *testing.T) {
		url, _ := rawServer(t, "HTTP/1.1 103 Early Hints\r\n\r\n"+rawSuccess)
		if answer, e := call(t, client(t, url), context.Background()); e != nil || answer.Code != 200 {
			t.Errorf("got %+v, %v", answer, e)
		}
	})
}

func TestWhatFailsBeforeAnythingIsSentIsCertain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	_ = listener.Close()
	plain, requests := rawServer(t, "HTTP/1.1 400 Bad Request\r\n\r\n")

	for name, tc := range map[string]struct{ endpoint, reason string }{
		"a connection refused":       {"http://" + closed, "ConnectionFailed"},
		"a name that does not exist": {"http://invalid.invalid.:80", "ConnectionFailed"},
		"a server without TLS":       {"https" + strings.TrimPrefix(plain, "http"), "TLSFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := call(t, client(t, tc.endpoint), context.Background())
			if e.Reason != tc.reason || e.Uncertain || e.HTTPStatus != 0 || requests.Load() != 0 {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestTheGuardGoesByTheResolvedAddress(t *testing.T) {
	srv, requests := tlsServer(t, nil)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			c := client(t, strings.Replace(srv.URL, "127.0.0.1", host, 1), func(cfg *Config) {
				cfg.AllowInsecure = false
				cfg.CABundle = bundle(srv)
			})
			_, e := call(t, c, context.Background())
			if e == nil || e.Entry != entryEndpointNotAllowed || e.Uncertain || requests.Load() != 0 {
				t.Errorf("got %+v after %d requests", e, requests.Load())
			}
		})
	}
}

func TestNoProxyIsTakenFromTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	c := client(t, "https://deepcall.invalid")
	if c.base.Proxy != nil {
		t.Error("the transport looks for a proxy")
	}
	if _, e := call(t, client(t, server(t, respond(200, success))), context.Background()); e != nil {
		t.Error(e)
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	for conns, want := range map[int]int{0: defaultMaxConns, 1: 1, 7: 7} {
		c := client(t, "https://deepcall.invalid", func(cfg *Config) { cfg.MaxConns = conns })
		if c.base.MaxIdleConnsPerHost != want || c.base.MaxIdleConns != want {
			t.Errorf("MaxConns %d: %d idle connections", conns, c.base.MaxIdleConnsPerHost)
		}
	}
}

func TestCABundlesAreReadStrictly(t *testing.T) {
	for name, tc := range map[string]struct{ bundle, says string }{
		"no PEM":                {"QQQ", "holds no certificate"},
		"a broken certificate":  {otherCA + "-----BEGIN CERTIFICATE-----\nUVFR\n-----END CERTIFICATE-----\n", "at certificate 2"},
		"a cut certificate":     {otherCA + "-----BEGIN CERTIFICATE-----\nQQQ", "after certificate 1"},
		"a private key with it": {otherCA + "-----BEGIN PRIVATE KEY-----\nUVFR\n-----END PRIVATE KEY-----\n", "CERTIFICATE blocks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewClient(Config{Endpoint: "https://deepcall.invalid", CABundle: []byte(tc.bundle)})
			var typed *CABundleError
			if !errors.As(err, &typed) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "QQQ") {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func TestNewClientRefusesABadEndpoint(t *testing.T) {
	var typed *EndpointError
	if _, err := NewClient(Config{Endpoint: "http://deepcall.invalid"}); !errors.As(err, &typed) {
		t.Errorf("got %v", err)
	}
}

// otherCA is a CA that has signed nothing.
const otherCA = `-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIURJibCiOSLfKQR1I1BEUUrFeGC4QwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKQW5vdGhlciBDQTAgFw0yNjExMjMxMzQ4NDhaGA8yMTI2MTAz
MDEzNDg0OFowFTETMBEGA1UEAwwKQW5vdGhlciBDQTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABCQz2p5rpg+TYyZxtN2HTI+3T3ZUCx5Iy23MecKhaSF2Mefb5wT5
VXdElcUcjOhcjb48N22zx10JRfGzK1R8LX6jUzBRMB0GA1UdDgQWBBT8JYX3a2O8
JP2YKFNVsJ4EFES4uzAfBgNVHSMEGDAWgBT8JYX3a2O8JP2YKFNVsJ4EFES4uzAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDPczx2PlxoOslRJRSd
LD2CK1GpJN81aeCGS0Lw2NjbkwIgNF7riB7CA0qWH5F3Zp7zYDOUzw59KKbd2rgI
vjEzbY0=
-----END CERTIFICATE-----
`
