package deepcall

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	errInvalidProxy     = fixedCause("HTTPS_PROXY is not a valid URL of a proxy: its scheme must be http or https, and its password percent-encoded")
	errProxyCredentials = fixedCause("the proxy requires other credentials (HTTP 407)")
	errProxyAnswer      = fixedCause("the proxy's answer is not valid HTTP")
	errProxyClosed      = fixedCause("the proxy closed the connection")
)

// tunnel opens connections through a proxy. TLS to the endpoint runs inside of them, so the proxy sees neither a request nor
// an answer.
type tunnel struct {
	// dialer connects to the proxy, whose address is not restricted: the cluster's administrator chooses it.
	dialer net.Dialer
	// roots are trusted for a proxy that is itself reached over TLS; nil for the system's. An account's caBundle does not count:
	// the cluster's administrator chooses the proxy.
	roots *x509.CertPool
}

// dial returns a connection to the address through the proxy. Its errors are a fixedCause or a time-out.
func (t *tunnel) dial(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	conn, err := t.dialProxy(ctx, proxy)
	if err != nil {
		return nil, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = connect(conn, proxy, address)
	if !interrupt() {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// dialProxy returns a connection to the proxy.
func (t *tunnel) dialProxy(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	port := map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	if port == "" || proxy.Hostname() == "" {
		return nil, errInvalidProxy
	}
	if proxy.Port() != "" {
		port = proxy.Port()
	}
	conn, err := t.dialer.DialContext(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
	switch {
	case isTimeout(err):
		return nil, err
	case err != nil:
		return nil, "the proxy can't be reached: " + connectionCause(err)
	case proxy.Scheme == "http":
		return conn, nil
	}
	secure := tls.Client(conn, &tls.Config{
		RootCAs: t.roots, ServerName: proxy.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, "no secure connection to the proxy can be made: " + handshakeCause(err)
	}
	return secure, nil
}

// connect requests a tunnel to the address (RFC 9110, 9.3.6).
func connect(conn net.Conn, proxy *url.URL, address string) error {
	request := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address,
		Header: http.Header{"User-Agent": {"deepcall-operator"}},
	}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := request.Write(conn); err != nil {
		return errProxyClosed
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxHeaderBytes))
	answer, err := http.ReadResponse(reader, request) //nolint:bodyclose // closing reads the rest, which can stall; the connection is closed
	switch {
	case isTimeout(err):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errProxyClosed
	case err != nil:
		return errProxyAnswer
	case answer.StatusCode == http.StatusProxyAuthRequired:
		return errProxyCredentials
	case answer.StatusCode != http.StatusOK:
		return fixedCause(fmt.Sprintf("the proxy refused the connection (HTTP %d)", answer.StatusCode))
	case reader.Buffered() > 0:
		return errUnsolicited // nothing of the endpoint can arrive before the TLS handshake
	}
	return nil
}

// withoutFinalDots returns an address whose name does not end in a dot, which is for the resolver only.
func withoutFinalDots(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(strings.TrimRight(host, "."), port)
}

// proxyFor returns the proxy for an address, nil for a direct connection.
func proxyFor(proxy func(*http.Request) (*url.URL, error), address string) (*url.URL, error) {
	if proxy == nil {
		return nil, nil
	}
	chosen, err := proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: strings.TrimSuffix(address, ":443")}})
	if err != nil {
		return nil, errInvalidProxy // the error quotes the URL, which can hold a password
	}
	return chosen, nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
