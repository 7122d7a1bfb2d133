package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"
)

var _ = Describe("The metrics endpoint", func() {
	It("serves the certificate in --metrics-cert-path, and a renewed one without a restart", func() {
		volume := &secretVolume{directory: GinkgoT().TempDir()}
		trusted := volume.renew()
		m := startManager("--metrics-secure", "--metrics-cert-path="+volume.directory)
		Expect(m.handshake(trusted)).To(Succeed())

		renewed := volume.renew()
		Eventually(m.handshake).WithArguments(renewed).Should(Succeed())
		Expect(m.handshake(trusted)).To(MatchError(ContainSubstring("unknown authority")))
	})
})

// handshake connects to the metrics endpoint with the certificates that a scraper trusts.
func (m *manager) handshake(trusted *x509.CertPool) error {
	conn, err := tls.Dial("tcp", m.metrics, &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	return conn.Close()
}

// secretVolume is a directory that is updated as the kubelet updates the volume of a Secret: the files are links into a
// directory that is replaced as a whole.
type secretVolume struct{ directory string }

// renew writes a new certificate, and returns a pool that contains only its root.
func (v *secretVolume) renew() *x509.CertPool {
	GinkgoHelper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("metrics", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	Expect(err).NotTo(HaveOccurred())
	written, err := os.MkdirTemp(v.directory, "..")
	Expect(err).NotTo(HaveOccurred())
	data := filepath.Join(v.directory, "..data")
	previous, _ := os.Readlink(data)
	for name, content := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		Expect(os.WriteFile(filepath.Join(written, name), content, 0o600)).To(Succeed())
		if previous == "" {
			Expect(os.Symlink(filepath.Join("..data", name), filepath.Join(v.directory, name))).To(Succeed())
		}
	}
	Expect(os.Symlink(filepath.Base(written), data+"_tmp")).To(Succeed())
	Expect(os.Rename(data+"_tmp", data)).To(Succeed())
	if previous != "" {
		Expect(os.RemoveAll(filepath.Join(v.directory, previous))).To(Succeed())
	}
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(certificate)).To(BeTrue())
	return pool
}
