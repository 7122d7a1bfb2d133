package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// authority is a CA that signs what it is asked to.
type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	bundle []byte
}

var (
	ours   = newAuthority("Ours")
	theirs = newAuthority("Theirs")
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newAuthority(name string) *authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := template(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	raw := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return &authority{
		cert: must(x509.ParseCertificate(raw)), key: key,
		bundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
	}
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

// server is a server's configuration, with a certificate that was changed before it was signed.
func (a *authority) server(changes ...func(*x509.Certificate)) *tls.Config {
	template := template("DeepCall")
	for _, change := range changes {
		change(template)
	}
	leaf, key := sign(template, a.cert, a.key)
	return present(key, leaf.Raw)
}

// own is the configuration of a server that shows the authority's own certificate.
func (a *authority) own() *tls.Config { return present(a.key, a.cert.Raw) }

// withKeyOf shows a good certificate, and has another key.
func (a *authority) withKeyOf(other *authority) *tls.Config {
	config := a.server()
	config.Certificates[0].PrivateKey = other.key
	return config
}

// whole shows a chain of two.
func (a *authority) whole() *tls.Config {
	between, key := a.intermediate(true)
	leaf, leafKey := sign(template("DeepCall"), between, key)
	return present(leafKey, leaf.Raw, between.Raw)
}

// chained shows a chain that is no good: with the middle left out, or with one in the middle that may not sign.
func (a *authority) chained(leftOut bool) *tls.Config {
	between, key := a.intermediate(leftOut)
	leaf, leafKey := sign(template("DeepCall"), between, key)
	if leftOut {
		return present(leafKey, leaf.Raw)
	}
	return present(leafKey, leaf.Raw, between.Raw)
}

func (a *authority) intermediate(signs bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	between := template("Between")
	if signs {
		between.IsCA, between.BasicConstraintsValid, between.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	return sign(between, a.cert, a.key)
}

func sign(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	raw := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey))
	return must(x509.ParseCertificate(raw)), key
}

func present(key *ecdsa.PrivateKey, chain ...[]byte) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}, MinVersion: tls.VersionTLS10}
}

// unknownDemand is an extension that nobody knows, and whoever does not know it has to refuse.
var unknownDemand = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
