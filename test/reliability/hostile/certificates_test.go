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

// authority is a certificate authority.
type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	bundle []byte
}

var (
	trustedCA = newAuthority("Trusted")
	otherCA   = newAuthority("Other")
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

// server returns the configuration of a server. changes apply to the certificate before it is signed.
func (a *authority) server(changes ...func(*x509.Certificate)) *tls.Config {
	template := template("DeepCall")
	for _, change := range changes {
		change(template)
	}
	leaf, key := sign(template, a.cert, a.key)
	return serverConfig(key, leaf.Raw)
}

// selfSigned returns the configuration of a server with the authority's own certificate.
func (a *authority) selfSigned() *tls.Config { return serverConfig(a.key, a.cert.Raw) }

// serverWithKeyOf returns the configuration of a server with a key that does not fit its certificate.
func (a *authority) serverWithKeyOf(other *authority) *tls.Config {
	config := a.server()
	config.Certificates[0].PrivateKey = other.key
	return config
}

// serverWithChain returns the configuration of a server with an intermediate certificate.
func (a *authority) serverWithChain() *tls.Config {
	intermediate, key := a.signIntermediate(true)
	leaf, leafKey := sign(template("DeepCall"), intermediate, key)
	return serverConfig(leafKey, leaf.Raw, intermediate.Raw)
}

// serverWithBadChain returns the configuration of a server whose intermediate certificate is omitted, or is not
// permitted to sign.
func (a *authority) serverWithBadChain(omitted bool) *tls.Config {
	intermediate, key := a.signIntermediate(omitted)
	leaf, leafKey := sign(template("DeepCall"), intermediate, key)
	if omitted {
		return serverConfig(leafKey, leaf.Raw)
	}
	return serverConfig(leafKey, leaf.Raw, intermediate.Raw)
}

func (a *authority) signIntermediate(canSign bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	intermediate := template("Intermediate")
	if canSign {
		intermediate.IsCA, intermediate.BasicConstraintsValid, intermediate.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	return sign(intermediate, a.cert, a.key)
}

func sign(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	raw := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey))
	return must(x509.ParseCertificate(raw)), key
}

func serverConfig(key *ecdsa.PrivateKey, chain ...[]byte) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}, MinVersion: tls.VersionTLS10}
}

// unknownExtension is a critical extension, which verifiers must reject because they do not know it.
var unknownExtension = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
