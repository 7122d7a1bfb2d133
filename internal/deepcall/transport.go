package deepcall

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
)

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 64 << 10

// newTransport returns the transport of a client. It speaks HTTP/1.1 over TLS 1.2
// or newer and rejects addresses as dialControl does. Through a proxy, it uses
// CONNECT, and the proxy resolves the endpoint's name. Every request has a
// connection of its own, so that no answer can be taken for that of another
// request. TLS sessions are resumed.
func newTransport(cfg Config) (*http.Transport, error) {
	roots, err := parseCABundle(cfg.CABundle)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.Timeout}
	if !cfg.AllowInsecure {
		dialer.ControlContext = dialControl
	}
	tlsConfig := &tls.Config{
		RootCAs:            roots, // nil: the system's
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	direct := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dialer.DialContext(observeLookup(ctx), network, addr)
	}
	through := tunnel{dialer: net.Dialer{Timeout: cfg.Timeout}, roots: cfg.ProxyRoots}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		name := withoutFinalDots(addr)
		switch proxy, err := proxyFor(cfg.Proxy, name); {
		case err != nil:
			return nil, err
		case proxy != nil:
			return through.dial(ctx, proxy, name)
		}
		return direct(ctx, network, addr)
	}
	// Without HTTP/2, since its client retries requests by itself.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: nil, // with a proxy, net/http would ignore DialTLSContext
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := direct(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newRequestConn(conn), nil
		},
		// TLSClientConfig does not suffice: only above TLS can requestConn see
		// whether data arrives before the request.
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// net/http does not cancel a dial with its request, so it needs its own time-out.
			ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
			defer cancel()
			conn, err := dialTLS(ctx, dial, tlsConfig, network, addr)
			if err != nil {
				return nil, err
			}
			return newRequestConn(conn), nil
		},
		DisableKeepAlives:      true,
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}, nil
}

// handshakeError is returned by dialTLS when the connection was made but the TLS
// handshake failed. The errors of crypto/tls have no type in common.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// dialFunc opens a connection to an address.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func dialTLS(ctx context.Context, dial dialFunc, config *tls.Config, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config = config.Clone() // which shares the cache of sessions
	config.ServerName = strings.TrimSuffix(host, ".")
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &handshakeError{err}
	}
	return secure, nil
}
