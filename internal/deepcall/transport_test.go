package deepcall

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// rawServer answers the first request of a connection with script[0] and so on, then
// closes the connection. It counts the requests.
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

// closedPort returns the URL of a port on which no server listens.
func closedPort(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(nil)
	srv.Close()
	return srv.URL
}

const rawSuccess = "HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n" + success

func TestRequestsAreNotRetried(t *testing.T) {
	for name, script := range map[string][]string{
		"when the server closes the connection instead of answering": {""},
		"when the server closes the connection after the answer":     {rawSuccess},
		"when the server does not read the request":                  nil,
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := rawServer(t, script...)
			c := client(t, url)
			const sent = 20
			for range sent {
				_, e := send(t, c)
				switch answered := slices.Contains(script, rawSuccess); {
				case answered && e != nil:
					t.Error(e)
				case !answered && (e == nil || e.Reason != "ConnectionFailed"):
					t.Errorf("got %+v", e)
				case !answered && script != nil && !e.Uncertain:
					t.Error("the lost answer is certain")
				}
			}
			if want := int32(sent * len(script)); requests.Load() != want {
				t.Errorf("%d requests, want %d", requests.Load(), want)
			}
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	for name, tc := range map[string]struct{ answer, reason string }{
		"closed before an answer":       {"", "ConnectionFailed"},
		"closed within the header":      {"HTTP/1.1 200 OK\r\nContent-", "ConnectionFailed"},
		"an answer that is not HTTP":    {"SSH-2.0-OpenSSH_9.6\r\n", "ConnectionFailed"},
		"a header without end":          {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n", "ConnectionFailed"},
		"closed within the body":        {"HTTP/1.1 200 OK\r\nContent-Length: 480\r\n\r\n" + success, "UnreadableAnswer"},
		"closed within a chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n" + success, "UnreadableAnswer"},
		"closed within the body of 404": {"HTTP/1.1 404 Not Found\r\nContent-Length: 480\r\n\r\n", "UnexpectedStatus"},
		"switched protocols":            {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + success, "UnexpectedStatus"},
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := rawServer(t, tc.answer)
			_, e := send(t, client(t, url))
			if e == nil || e.Reason != tc.reason || !e.Uncertain || requests.Load() != 1 {
				t.Errorf("got %+v after %d requests", e, requests.Load())
			}
		})
	}
	t.Run("skips early hints", func(t *testing.T) {
		url, _ := rawServer(t, "HTTP/1.1 103 Early Hints\r\n\r\n"+rawSuccess)
		if answer, e := send(t, client(t, url)); e != nil || answer.Code != 200 {
			t.Errorf("got %+v, %v", answer, e)
		}
	})
}

func TestResolvedAddressesAreChecked(t *testing.T) {
	srv, requests := tlsServer(t, nil)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			strict := func(cfg *Config) { cfg.AllowInsecure = false }
			_, e := send(t, client(t, strings.Replace(srv.URL, "127.0.0.1", host, 1), trusting(srv), strict))
			if e == nil || e.Entry != entryEndpointNotAllowed || e.Uncertain || requests.Load() != 0 {
				t.Errorf("got %+v after %d requests", e, requests.Load())
			}
		})
	}
}

func TestNewClientRejectsABadEndpoint(t *testing.T) {
	var typed *EndpointError
	if _, err := NewClient(Config{Endpoint: "http://deepcall.invalid"}); !errors.As(err, &typed) {
		t.Errorf("got %v", err)
	}
}

// otherCA is a CA that signed no certificate.
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
