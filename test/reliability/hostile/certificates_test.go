package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

var (
	trustedCA     = testenv.NewCA("Trusted")
	otherCA       = testenv.NewCA("Other")
	trustedBundle = trustedCA.Bundle()
)

// serverConfig returns the configuration of a server with a certificate of the trusted CA. changes apply to the
// certificate before it is signed.
func serverConfig(changes ...func(*x509.Certificate)) *tls.Config {
	return configWith(trustedCA.Issue(changes...))
}

func configWith(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10}
}

// withKeyOf returns the certificate with a key that does not fit it.
func withKeyOf(certificate, other tls.Certificate) tls.Certificate {
	certificate.PrivateKey = other.PrivateKey
	return certificate
}

// chain returns a certificate that an intermediate certificate signed, and sends both.
func chain(intermediate tls.Certificate) tls.Certificate {
	leaf := chainWithoutMiddle(intermediate)
	leaf.Certificate = append(leaf.Certificate, intermediate.Certificate...)
	return leaf
}

// chainWithoutMiddle returns a certificate that an intermediate certificate signed, and sends only the former.
func chainWithoutMiddle(intermediate tls.Certificate) tls.Certificate {
	signer := testenv.CA{Certificate: intermediate}
	return signer.Issue()
}

// canSign makes a certificate an intermediate one.
func canSign(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

// unknownExtension is a critical extension, which verifiers must reject because they do not know it.
var unknownExtension = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}}
