package deepcall

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// CABundleError is returned by NewClient for an invalid CA bundle. Its text says
// how the account's owner corrects it.
type CABundleError struct{ Problem string }

func (e *CABundleError) Error() string { return "the CA bundle " + e.Problem }

// maxCABundle bounds a bundle, in bytes. It is what spec.caBundle can contain: 1 MiB of base64.
const maxCABundle = 768 << 10

const (
	beginCertificate = "-----BEGIN CERTIFICATE-----"
	endCertificate   = "-----END CERTIFICATE-----"
)

var (
	beginAnyBlock   = regexp.MustCompile(`^-----BEGIN [A-Z0-9]+( [A-Z0-9]+)*-----$`)
	brokenBoundary  = regexp.MustCompile(`(?i:-----.*(BEGIN|END|CERTIFICATE))|(BEGIN|END) CERTIFICATE`)
	blanks          = strings.NewReplacer(" ", "", "\t", "")
	certificateText = regexp.MustCompile(`^\s*[A-Za-z0-9+/]{40,}=*$`)
)

// parseCABundle parses PEM certificates strictly, since a root that is silently left
// out is noticed only when the server changes its certificate. encoding/pem skips a
// block that it can't parse. Text between the certificates is ignored unless it looks
// like a part of one. parseCABundle returns nil, which stands for the system's roots,
// for an empty bundle.
func parseCABundle(bundle []byte) (*x509.CertPool, error) {
	if len(bundle) == 0 {
		return nil, nil
	}
	if len(bundle) > maxCABundle {
		return nil, &CABundleError{"has more than 768 KiB: leave only the CA's certificates"}
	}
	text := string(bundle)
	if strings.Contains(text, "\x00") {
		return nil, &CABundleError{"is not plain text: give the CA's certificates in PEM form, saved as UTF-8"}
	}
	pool := x509.NewCertPool()
	count := 0 // of certificates, with the one that is being read
	var body *strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case body == nil && line == beginCertificate:
			count++
			body = &strings.Builder{}
		case body == nil && beginAnyBlock.MatchString(line):
			return nil, &CABundleError{"contains something other than certificates: leave only the CERTIFICATE blocks"}
		case body == nil:
			if problem := checkComment(line); problem != "" {
				return nil, damaged(count+1, problem)
			}
		case line == endCertificate:
			der, err := base64.StdEncoding.DecodeString(body.String())
			if err != nil {
				return nil, damaged(count, "its text is damaged; export it again in PEM form")
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, damaged(count, "it is not a certificate; export it again in PEM form")
			}
			pool.AddCert(cert)
			body = nil
		case beginAnyBlock.MatchString(line):
			return nil, damaged(count, "its END line is missing; export it again in PEM form")
		case brokenBoundary.MatchString(line):
			return nil, damaged(count, "its END line is malformed; export it again in PEM form")
		default:
			body.WriteString(blanks.Replace(line))
		}
	}
	switch {
	case body != nil:
		return nil, damaged(count, "its END line is missing; export it again in PEM form")
	case count == 0:
		return nil, &CABundleError{"holds no certificate: give the CA's certificates in PEM form"}
	}
	return pool, nil
}

// checkComment describes why a line between two certificates is not a comment but a
// part of the next certificate. It is empty for a comment.
func checkComment(line string) string {
	switch {
	case strings.Contains(line, "\ufeff"):
		return "a byte order mark (U+FEFF) precedes it; save the file as UTF-8 without one"
	case strings.HasPrefix(strings.TrimSpace(line), "#"):
		return ""
	case line == endCertificate, certificateText.MatchString(line):
		return "it has no BEGIN line; export it again in PEM form"
	case brokenBoundary.MatchString(line):
		return "its BEGIN line is malformed; export it again in PEM form"
	}
	return ""
}

func damaged(number int, problem string) error {
	return &CABundleError{fmt.Sprintf("can't be read at certificate %d: %s", number, problem)}
}
