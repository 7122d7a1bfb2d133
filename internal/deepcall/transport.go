package deepcall

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// maxHeaderBytes is how much header of an answer is read.
	maxHeaderBytes = 64 << 10
	// idleTimeout is shorter than the five seconds after which a Node.js server
	// closes an idle connection: a call that meets the closing is lost, since a
	// POST is not sent again, while a new connection costs only a handshake.
	idleTimeout = 4 * time.Second
)

// CABundleError is returned by NewClient for a CA bundle that can't be used.
// Whoever owns the account corrects it; the text says how.
type CABundleError struct{ Problem string }

func (e *CABundleError) Error() string { return "the CA bundle " + e.Problem }

// newTransport returns the one way to DeepCall: HTTP/1.1 only, no proxy, no
// compression, TLS 1.2 or newer, and no connection to a refused address.
func newTransport(cfg Config) (*http.Transport, error) {
	roots, err := parseCABundle(cfg.CABundle)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.Timeout}
	if !cfg.AllowInsecure {
		dialer.ControlContext = guard
	}
	// Without HTTP/2, since its client sends requests again by itself.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: nil, // not even from the environment
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return keepOrder(dialer.DialContext(ctx, network, addr))
		},
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			// The transport dials on after its caller has gone, so this has an end of its own.
			ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
			defer cancel()
			return keepOrder(dialTLS(ctx, dialer, network, addr, roots))
		},
		Protocols:              &protocols,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           cfg.MaxConns,
		MaxIdleConnsPerHost:    cfg.MaxConns,
		IdleConnTimeout:        idleTimeout,
	}, nil
}

// handshakeError tells a failed handshake from a failed connection, which
// crypto/tls's own errors don't.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

func dialTLS(ctx context.Context, dialer *net.Dialer, network, addr string, roots *x509.CertPool) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conn, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, &tls.Config{
		ServerName: host,
		RootCAs:    roots, // nil: the system's
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &handshakeError{err}
	}
	return secure, nil
}

// parseCABundle reads PEM certificates, strictly: a root silently left out shows
// only much later. No bundle gives nil, for the system's roots.
func parseCABundle(bundle []byte) (*x509.CertPool, error) {
	if len(bundle) == 0 {
		return nil, nil
	}
	pool, count := x509.NewCertPool(), 0
	block, rest := pem.Decode(bundle)
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, &CABundleError{"holds something else than certificates: leave only the CERTIFICATE blocks"}
		}
		count++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &CABundleError{fmt.Sprintf("can't be read at certificate %d: give the CA's certificates in PEM form", count)}
		}
		pool.AddCert(cert)
	}
	if count == 0 {
		return nil, &CABundleError{"holds no certificate: give the CA's certificates in PEM form"}
	}
	if strings.Contains(string(rest), "-----BEGIN") {
		return nil, &CABundleError{fmt.Sprintf("can't be read after certificate %d: give the CA's certificates in PEM form", count)}
	}
	return pool, nil
}
