package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// present returns a handshake with a certificate.
func present(certificate tls.Certificate) func(net.Conn, <-chan struct{}) net.Conn {
	return handshakeWith(configWith(certificate))
}

// cert returns a handshake with a certificate that is changed before it is signed.
func cert(change func(*x509.Certificate)) func(net.Conn, <-chan struct{}) net.Conn {
	return present(trustedCA.Issue(change))
}

// config returns a handshake with a valid certificate and a changed configuration.
func config(change func(*tls.Config)) func(net.Conn, <-chan struct{}) net.Conn {
	c := serverConfig()
	change(c)
	return handshakeWith(c)
}

// raw returns a replacement of the handshake that starts after the client's first bytes.
func raw(attack func(c *serverConn)) func(net.Conn, <-chan struct{}) net.Conn {
	return func(conn net.Conn, stopping <-chan struct{}) net.Conn {
		first := make([]byte, 4096)
		n, _ := conn.Read(first)
		attack(&serverConn{Conn: conn, body: string(first[:n]), stopping: stopping})
		return nil
	}
}

// handshakes are attacks in the handshake. Those that make it fail are certain not to be applied.
var handshakes = append(failing(map[string]func(net.Conn, <-chan struct{}) net.Conn{
	"an expired certificate": cert(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
	"a certificate that is not yet valid": cert(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	}),
	"another host's certificate":          cert(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }),
	"a certificate without a host":        cert(func(c *x509.Certificate) { c.IPAddresses = nil }),
	"a host in the common name alone":     cert(func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" }),
	"the address as a DNS name":           cert(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"127.0.0.1"} }),
	"a wildcard for everything":           cert(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"*"} }),
	"a certificate for clients":           cert(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
	"an unknown critical extension":       cert(func(c *x509.Certificate) { c.ExtraExtensions = unknownExtension }),
	"an unknown authority":                present(otherCA.Issue()),
	"an authority of the same name":       present(testenv.NewCA("Trusted").Issue()),
	"a self-signed certificate":           present(otherCA.Certificate),
	"a certificate signed by another one": present(chain(trustedCA.Issue())),
	"a chain without its middle":          present(chainWithoutMiddle(trustedCA.Issue(canSign))),
	"another key than the certificate's":  present(withKeyOf(trustedCA.Issue(), otherCA.Certificate)),
	"TLS 1.0 only":                        config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS10 }),
	"TLS 1.1 only":                        config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }),
	"weak ciphers only": config(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
	}),
	"another application protocol":           config(func(c *tls.Config) { c.NextProtos = []string{"imap"} }),
	"a required client certificate, TLS 1.2": config(func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }),
	"plain HTTP":                             raw(func(c *serverConn) { c.send(answerWith("400 Bad Request", hostile)) }),
	"plain HTTP before the hello": func(conn net.Conn, _ <-chan struct{}) net.Conn {
		_, _ = io.WriteString(conn, answer(hostile))
		return nil
	},
	"SSH":                             raw(func(c *serverConn) { c.send("SSH-2.0-OpenSSH_9.6\r\n") }),
	"closed at once":                  func(net.Conn, <-chan struct{}) net.Conn { return nil },
	"closed after the client's hello": raw(func(*serverConn) {}),
	"reset after the client's hello":  raw(func(c *serverConn) { c.reset() }),
	"the client's hello sent back":    raw(func(c *serverConn) { c.send(c.body) }),
	"an alert":                        raw(func(c *serverConn) { c.send("\x15\x03\x01\x00\x02\x02\x28") }),
	"an alert to close":               raw(func(c *serverConn) { c.send("\x15\x03\x03\x00\x02\x01\x00") }),
	"alerts without end":              raw(func(c *serverConn) { c.flood("\x15\x03\x03\x00\x02\x01\x5a") }),
	"empty records without end":       raw(func(c *serverConn) { c.flood("\x16\x03\x03\x00\x00") }),
	"a record that is too long":       raw(func(c *serverConn) { c.send("\x16\x03\x03\xff\xff"); c.flood("\x00") }),
	"a hello that is too long":        raw(func(c *serverConn) { c.send("\x16\x03\x03\x40\x00\x02\xff\xff\xff"); c.flood("\x00") }),
	"a hello of SSL 2":                raw(func(c *serverConn) { c.send("\x80\x2e\x04\x00\x01\x00\x02") }),
	"noise":                           raw(func(c *serverConn) { c.flood("\x00\x01\xfe\xff\x7f\x80") }),
}), []attack{
	{name: "silence", slow: true, want: "Timeout", certain: true, incomplete: true, handshake: raw(func(c *serverConn) { c.hang() })},
	{name: "a hello byte by byte", slow: true, want: "Timeout", certain: true, incomplete: true, handshake: raw(func(c *serverConn) {
		c.send("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
		c.drip("\x00")
	})},
	// With TLS 1.3 the client learns of it after its handshake, when the request can have been sent.
	{name: "a required client certificate, TLS 1.3", want: "ConnectionFailed", eitherCertainty: true, incomplete: true, handshake: config(func(c *tls.Config) {
		c.ClientAuth, c.MinVersion = tls.RequireAnyClientCert, tls.VersionTLS13
	})},
	{name: "HTTP/2 only, which Go's servers do not enforce", onRequest: respond(answer(hostile)), handshake: config(func(c *tls.Config) { c.NextProtos = []string{"h2"} })},
	{
		name: "TLS 1.2, and data right after the handshake", want: "ConnectionFailed", eitherCertainty: true, incomplete: true,
		handshake: config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), onConnect: func(c *serverConn) { c.send(token, "\r\n\r\n"); c.drain() },
	},
	{name: "TLS 1.2", onRequest: respond(answer(hostile)), handshake: config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })},
	{name: "a chain of two", onRequest: respond(answer(hostile)), handshake: present(chain(trustedCA.Issue(canSign)))},
}...)

// handshakeCauses are the causes that errors name. Those of other handshakes depend on the network.
var handshakeCauses = map[string]string{
	"an expired certificate":                 "the server's certificate has expired",
	"a certificate that is not yet valid":    "the server's certificate is not yet valid",
	"another host's certificate":             "the server's certificate is for another host name",
	"a certificate without a host":           "the server's certificate is for another host name",
	"a host in the common name alone":        "the server's certificate is for another host name",
	"the address as a DNS name":              "the server's certificate is for another host name",
	"a wildcard for everything":              "the server's certificate is for another host name",
	"a certificate for clients":              "the server's certificate is not for servers",
	"an unknown critical extension":          "the server's certificate is invalid",
	"an unknown authority":                   "the server's certificate is signed by an unknown authority",
	"an authority of the same name":          "the server's certificate is signed by an unknown authority",
	"a self-signed certificate":              "the server's certificate is signed by an unknown authority",
	"a certificate signed by another one":    "the server's certificate is signed by an unknown authority",
	"a chain without its middle":             "the server's certificate is signed by an unknown authority",
	"TLS 1.0 only":                           "the server does not support TLS 1.2 or newer",
	"TLS 1.1 only":                           "the server does not support TLS 1.2 or newer",
	"weak ciphers only":                      "the server rejected the TLS handshake",
	"another application protocol":           "the server rejected the TLS handshake",
	"a required client certificate, TLS 1.2": "the server rejected the TLS handshake",
	"plain HTTP":                             "the server answered in plain HTTP",
	"plain HTTP before the hello":            "the server answered in plain HTTP",
	"SSH":                                    "the server does not speak TLS",
	"closed after the client's hello":        "the server closed the connection during the TLS handshake",
	"reset after the client's hello":         "the server closed the connection during the TLS handshake",
	"an alert":                               "the server rejected the TLS handshake",
	"a hello of SSL 2":                       "the server does not speak TLS",
}

// records are attacks on the records of a TLS connection.
var records = []attack{
	// Without the closing alert, an answer without a length can be incomplete.
	{name: "an answer without a length, truncated", tlsOnly: true, want: "UnreadableAnswer", onRequest: func(c *serverConn) {
		c.send(head(ok), hostile[:len(hostile)-1])
		_ = c.tcp().CloseWrite()
		c.drainRaw()
	}},
	{name: "an answer truncated within a record", tlsOnly: true, want: "UnreadableAnswer|ConnectionFailed", onRequest: func(c *serverConn) {
		c.send(head(ok))
		_, _ = io.WriteString(c.tcp(), "\x17\x03\x03\x00\x40"+hostile[:20])
		_ = c.tcp().CloseWrite()
		c.drainRaw()
	}},
	{name: "an answer without the closing alert", tlsOnly: true, onRequest: func(c *serverConn) {
		c.send(head(ok), hostile)
		_ = c.tcp().CloseWrite()
		c.drainRaw()
	}},
	{name: "an alert within the answer", tlsOnly: true, want: "UnreadableAnswer", onRequest: func(c *serverConn) {
		c.send(head(ok, length), hostile[:20])
		_, _ = io.WriteString(c.tcp(), "\x15\x03\x03\x00\x02\x02\x14")
		c.drainRaw()
	}},
	{name: "plain text within the answer", tlsOnly: true, want: "UnreadableAnswer", onRequest: func(c *serverConn) {
		c.send(head(ok, length), hostile[:20])
		_, _ = io.WriteString(c.tcp(), hostile[20:])
		c.drainRaw()
	}},
	{name: "plain text instead of an answer", tlsOnly: true, want: "ConnectionFailed", onRequest: func(c *serverConn) {
		_, _ = io.WriteString(c.tcp(), answer(hostile))
		c.drainRaw()
	}},
	{name: "a new handshake in plain text", tlsOnly: true, want: "UnreadableAnswer", onRequest: func(c *serverConn) {
		c.send(head(ok, length), hostile[:20])
		_, _ = io.WriteString(c.tcp(), "\x16\x03\x03\x00\x04\x00\x00\x00\x00") // HelloRequest
		c.drainRaw()
	}},
}

// failing returns attacks with handshakes that must fail.
func failing(handshakes map[string]func(net.Conn, <-chan struct{}) net.Conn) []attack {
	attacks := make([]attack, 0, len(handshakes))
	for name, handshake := range handshakes {
		attacks = append(attacks, attack{name: name, want: "TLSFailed", cause: handshakeCauses[name], certain: true, incomplete: true, handshake: handshake})
	}
	return attacks
}

// drainRaw reads below TLS until the client closes the connection.
func (c *serverConn) drainRaw() {
	_, _ = io.Copy(io.Discard, c.tcp())
	c.closed = true
}
