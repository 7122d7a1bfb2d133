package testenv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// CA is a private certificate authority.
type CA struct {
	// Certificate is the authority's own certificate, with its key.
	Certificate tls.Certificate
}

// NewCA returns an authority with a self-signed certificate.
func NewCA(name string) *CA {
	template := newTemplate(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	key := newKey()
	return &CA{sign(template, template, key, key)}
}

// Bundle returns the authority's certificate in PEM form, as a CA bundle contains it.
func (a *CA) Bundle() []byte {
	bundle, _ := EncodePEM(a.Certificate)
	return bundle
}

// Issue returns a new certificate for a server at 127.0.0.1, with its key. changes apply before the authority signs it.
func (a *CA) Issue(changes ...func(*x509.Certificate)) tls.Certificate {
	template := newTemplate("Server")
	for _, change := range changes {
		change(template)
	}
	return sign(template, a.Certificate.Leaf, newKey(), a.Certificate.PrivateKey)
}

// EncodePEM returns a certificate and its key in PEM form.
func EncodePEM(c tls.Certificate) (certificate, key []byte) {
	keyBytes := must(x509.MarshalPKCS8PrivateKey(c.PrivateKey))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyBytes})
}

func newTemplate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, parentKey crypto.PrivateKey) tls.Certificate {
	raw := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey))
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: must(x509.ParseCertificate(raw))}
}

// must returns the value. Errors are not expected: only random numbers are read.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
