package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"time"
)

// cert is a handshake with a certificate that was changed before it was signed.
func cert(change func(*x509.Certificate)) func(net.Conn, <-chan struct{}) net.Conn {
	return shake(ours.server(change))
}

// config is a handshake with a good certificate, and something else that is not.
func config(change func(*tls.Config)) func(net.Conn, <-chan struct{}) net.Conn {
	c := ours.server()
	change(c)
	return shake(c)
}

// raw serves something else than a handshake, once the client's first bytes are there.
func raw(serve func(v *visit)) func(net.Conn, <-chan struct{}) net.Conn {
	return func(conn net.Conn, end <-chan struct{}) net.Conn {
		first := make([]byte, 4096)
		n, _ := conn.Read(first)
		serve(&visit{Conn: conn, body: string(first[:n]), end: end})
		return nil
	}
}

// handshakes fail before anything is sent, so that it is certain that nothing was applied.
var handshakes = append(failing(map[string]func(net.Conn, <-chan struct{}) net.Conn{
	"an expired certificate": cert(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
	"a certificate of tomorrow": cert(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	}),
	"another host's certificate":           cert(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }),
	"a certificate that names no host":     cert(func(c *x509.Certificate) { c.IPAddresses = nil }),
	"a host in the common name alone":      cert(func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" }),
	"the address as a DNS name":            cert(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"127.0.0.1"} }),
	"a wildcard for everything":            cert(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"*"} }),
	"a certificate for clients":            cert(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
	"a certificate with an unknown demand": cert(func(c *x509.Certificate) { c.ExtraExtensions = unknownDemand }),
	"an unknown authority":                 shake(theirs.server()),
	"an authority of the same name":        shake(newAuthority("Ours").server()),
	"a self-signed certificate":            shake(theirs.own()),
	"a certificate signed by no authority": shake(ours.chained(false)),
	"a chain with a link missing":          shake(ours.chained(true)),
	"another key than the certificate's":   shake(ours.withKeyOf(theirs)),
	"TLS 1.0 only":                         config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS10 }),
	"TLS 1.1 only":                         config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }),
	"weak ciphers only": config(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
	}),
	"mail only":                              config(func(c *tls.Config) { c.NextProtos = []string{"imap"} }),
	"a client's certificate wanted, TLS 1.2": config(func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }),
	"plain HTTP":                             raw(func(v *visit) { v.say(answerWith("400 Bad Request", hostile)) }),
	"plain HTTP that waits for no question": func(conn net.Conn, _ <-chan struct{}) net.Conn {
		_, _ = io.WriteString(conn, answer(hostile))
		return nil
	},
	"SSH":                             raw(func(v *visit) { v.say("SSH-2.0-OpenSSH_9.6\r\n") }),
	"closed at once":                  func(net.Conn, <-chan struct{}) net.Conn { return nil },
	"closed after the client's hello": raw(func(*visit) {}),
	"reset after the client's hello":  raw(func(v *visit) { v.reset() }),
	"the client's hello sent back":    raw(func(v *visit) { v.say(v.body) }),
	"an alert":                        raw(func(v *visit) { v.say("\x15\x03\x01\x00\x02\x02\x28") }),
	"an alert to close":               raw(func(v *visit) { v.say("\x15\x03\x03\x00\x02\x01\x00") }),
	"alerts without end":              raw(func(v *visit) { v.flood("\x15\x03\x03\x00\x02\x01\x5a") }),
	"empty records without end":       raw(func(v *visit) { v.flood("\x16\x03\x03\x00\x00") }),
	"a record that is too long":       raw(func(v *visit) { v.say("\x16\x03\x03\xff\xff"); v.flood("\x00") }),
	"a hello that is too long":        raw(func(v *visit) { v.say("\x16\x03\x03\x40\x00\x02\xff\xff\xff"); v.flood("\x00") }),
	"a hello of SSL 2":                raw(func(v *visit) { v.say("\x80\x2e\x04\x00\x01\x00\x02") }),
	"noise":                           raw(func(v *visit) { v.flood("\x00\x01\xfe\xff\x7f\x80") }),
}), []attack{
	{name: "silence", slow: true, want: "Timeout", certain: true, unseen: 1, shake: raw(func(v *visit) { v.hang() })},
	{name: "a hello byte by byte", slow: true, want: "Timeout", certain: true, unseen: 1, shake: raw(func(v *visit) {
		v.say("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
		v.drip("\x00")
	})},
	// Under TLS 1.3 the client learns of it once the handshake is over, when the request may be on its way.
	{name: "a client's certificate wanted, TLS 1.3", want: "ConnectionFailed", either: true, unseen: 1, shake: config(func(c *tls.Config) {
		c.ClientAuth, c.MinVersion = tls.RequireAnyClientCert, tls.VersionTLS13
	})},
	{name: "HTTP/2 only, which Go's servers do not insist on", serve: says(answer(hostile)), shake: config(func(c *tls.Config) { c.NextProtos = []string{"h2"} })},
	{name: "TLS 1.2", serve: says(answer(hostile)), shake: config(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })},
	{name: "a chain of two", serve: says(answer(hostile)), shake: shake(ours.whole())},
}...)

// records go wrong once the connection is made.
var records = []attack{
	// Without the alert that ends a connection in good order, an answer without a length may lack its end.
	{name: "an answer cut off, which had no length", secure: true, want: "UnreadableAnswer", serve: func(v *visit) {
		v.say(head(ok), hostile[:len(hostile)-1])
		_ = v.tcp().CloseWrite()
		v.drainRaw()
	}},
	{name: "an answer cut off within a record", secure: true, want: "UnreadableAnswer|ConnectionFailed", serve: func(v *visit) {
		v.say(head(ok))
		_, _ = io.WriteString(v.tcp(), "\x17\x03\x03\x00\x40"+hostile[:20])
		_ = v.tcp().CloseWrite()
		v.drainRaw()
	}},
	{name: "nothing but the end cut off", secure: true, serve: func(v *visit) {
		v.say(head(ok), hostile)
		_ = v.tcp().CloseWrite()
		v.drainRaw()
	}},
	{name: "an alert amid the answer", secure: true, want: "UnreadableAnswer", serve: func(v *visit) {
		v.say(head(ok, length), hostile[:20])
		_, _ = io.WriteString(v.tcp(), "\x15\x03\x03\x00\x02\x02\x14")
		v.drainRaw()
	}},
	{name: "plain text amid the answer", secure: true, want: "UnreadableAnswer", serve: func(v *visit) {
		v.say(head(ok, length), hostile[:20])
		_, _ = io.WriteString(v.tcp(), hostile[20:])
		v.drainRaw()
	}},
	{name: "plain text for an answer", secure: true, want: "ConnectionFailed", serve: func(v *visit) {
		_, _ = io.WriteString(v.tcp(), answer(hostile))
		v.drainRaw()
	}},
	{name: "a new handshake amid the answer, in plain", secure: true, want: "UnreadableAnswer", serve: func(v *visit) {
		v.say(head(ok, length), hostile[:20])
		_, _ = io.WriteString(v.tcp(), "\x16\x03\x03\x00\x04\x00\x00\x00\x00") // HelloRequest
		v.drainRaw()
	}},
}

// failing are the handshakes that can't succeed.
func failing(how map[string]func(net.Conn, <-chan struct{}) net.Conn) []attack {
	attacks := make([]attack, 0, len(how))
	for name, shake := range how {
		attacks = append(attacks, attack{name: name, want: "TLSFailed", certain: true, unseen: 1, shake: shake})
	}
	return attacks
}

// drainRaw reads until the client closes, below TLS.
func (v *visit) drainRaw() {
	_, _ = io.Copy(io.Discard, v.tcp())
	v.closed = true
}
