package deepcall

import (
	"errors"
	"strings"
	"testing"
)

func TestParseCABundleAcceptsTextBetweenCertificates(t *testing.T) {
	_, body, _ := strings.Cut(otherCA, "\n")
	for name, bundle := range map[string]string{
		"one certificate":       otherCA,
		"no final newline":      strings.TrimSpace(otherCA),
		"two certificates":      otherCA + otherCA,
		"Windows newlines":      strings.ReplaceAll(otherCA+otherCA, "\n", "\r\n"),
		"trailing spaces":       strings.ReplaceAll(otherCA, "\n", " \t\n"),
		"blank lines":           "\n\n" + otherCA + "\n \n" + otherCA + "\n",
		"comments":              "# Issuer: CN=Another CA\n# Label: \"Another\"\n" + otherCA + "# another one\n" + otherCA,
		"comments in Latin-1":   "# Autorit\xe9\n" + otherCA,
		"underlined names":      "Another CA\n==========\n" + otherCA,
		"separators":            "----------------\n" + otherCA + "----------------\n" + otherCA,
		"bag attributes":        "Bag Attributes\n    localKeyID: 01 02 \nsubject=CN = Another CA\n" + otherCA,
		"text of openssl":       "Certificate:\n    Data:\n        Version: 3 (0x2)\n                00:8a:9b:\n" + otherCA,
		"output of s_client":    "Certificate chain\n 0 s:CN = Another CA\n" + otherCA + "---\nServer certificate\n" + otherCA + "---\n",
		"commented out":         "#-----BEGIN CERTIFICATE-----\n#QQQ\n# -----END CERTIFICATE-----\n" + otherCA,
		"one line of base64":    "-----BEGIN CERTIFICATE-----\n" + strings.ReplaceAll(strings.TrimSuffix(body, "-----END CERTIFICATE-----\n"), "\n", "") + "\n-----END CERTIFICATE-----",
		"blank lines within it": strings.Replace(otherCA, "\nFTET", "\n\nFTET", 1),
	} {
		t.Run(name, func(t *testing.T) {
			pool, err := parseCABundle([]byte(bundle))
			if err != nil || pool == nil {
				t.Fatal(err)
			}
		})
	}
}

func TestParseCABundleRejectsDamage(t *testing.T) {
	const again = "; export it again in PEM form"
	edit := func(old, replacement string) string { return strings.Replace(otherCA, old, replacement, 1) }
	for name, tc := range map[string]struct{ damaged, want string }{
		"a byte order mark":               {"\ufeff" + otherCA, "a byte order mark (U+FEFF) precedes it; save the file as UTF-8 without one"},
		"a byte order mark and a comment": {"\ufeff# a comment\n" + otherCA, "a byte order mark (U+FEFF) precedes it; save the file as UTF-8 without one"},
		"no BEGIN line":                   {edit("-----BEGIN CERTIFICATE-----\n", ""), "it has no BEGIN line" + again},
		"four dashes before BEGIN":        {edit("-----BEGIN", "----BEGIN"), "its BEGIN line is malformed" + again},
		"six dashes before BEGIN":         {edit("-----BEGIN", "------BEGIN"), "its BEGIN line is malformed" + again},
		"four dashes after BEGIN":         {edit("CERTIFICATE-----\nMIIB", "CERTIFICATE----\nMIIB"), "its BEGIN line is malformed" + again},
		"no dashes after BEGIN":           {edit("CERTIFICATE-----\nMIIB", "CERTIFICATE\nMIIB"), "its BEGIN line is malformed" + again},
		"dashes of a word processor":      {edit("-----BEGIN CERTIFICATE-----", "——-BEGIN CERTIFICATE——-"), "its BEGIN line is malformed" + again},
		"a misspelt BEGIN":                {edit("-----BEGIN", "-----BEGN"), "its BEGIN line is malformed" + again},
		"BEGIN in lower case":             {edit("-----BEGIN CERTIFICATE-----", "-----begin certificate-----"), "its BEGIN line is malformed" + again},
		"an indented BEGIN":               {edit("-----BEGIN", "  -----BEGIN"), "its BEGIN line is malformed" + again},
		"two spaces in BEGIN":             {edit("BEGIN CERTIFICATE", "BEGIN  CERTIFICATE"), "its BEGIN line is malformed" + again},
		"text before BEGIN":               {"CA: " + otherCA, "its BEGIN line is malformed" + again},
		"a zero-width space before BEGIN": {"\u200b" + otherCA, "its BEGIN line is malformed" + again},
		"all on one line":                 {strings.ReplaceAll(otherCA, "\n", " "), "its BEGIN line is malformed" + again},
		"newlines as text":                {strings.ReplaceAll(otherCA, "\n", `\n`), "its BEGIN line is malformed" + again},
		"newlines of an old Mac":          {strings.ReplaceAll(otherCA, "\n", "\r"), "its BEGIN line is malformed" + again},
		"no END line":                     {edit("-----END CERTIFICATE-----\n", ""), "its END line is missing" + again},
		"a truncated END line":            {edit("-----END CERTIFICATE-----\n", "-----END CERTI"), "its END line is malformed" + again},
		"four dashes before END":          {edit("-----END", "----END"), "its END line is malformed" + again},
		"a misspelt END":                  {edit("END CERTIFICATE", "END CERTFICATE"), "its END line is malformed" + again},
		"an indented END":                 {edit("-----END", " -----END"), "its END line is malformed" + again},
		"another END":                     {edit("END CERTIFICATE", "END PRIVATE KEY"), "its END line is malformed" + again},
		"an END at the end of a line":     {edit("\n-----END", "-----END"), "its END line is malformed" + again},
		"no newline before the next one":  {strings.TrimSpace(otherCA) + otherCA, "its END line is malformed" + again},
		"a removed character":             {edit("MIIBgTCC", "MIIBgTC"), "its text is damaged" + again},
		"a removed line":                  {edit("FTETMBEGA1UEAwwKQW5vdGhlciBDQTAgFw0yNjExMjMxMzQ4NDhaGA8yMTI2MTAz\n", ""), "it is not a certificate" + again},
		"another character":               {edit("MIIBgTCC", "MIIBgT*C"), "its text is damaged" + again},
		"a comment within it":             {edit("\nFTET", "\n# a comment\nFTET"), "its text is damaged" + again},
		"a header within it":              {edit("\nMIIB", "\nProc-Type: 4,ENCRYPTED\n\nMIIB"), "its text is damaged" + again},
		"a no-break space within it":      {edit("\nFTET", "\n\u00a0FTET"), "its text is damaged" + again},
		"nothing within it":               {"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "it is not a certificate" + again},
		"no certificate within it":        {"-----BEGIN CERTIFICATE-----\nUVFR\n-----END CERTIFICATE-----\n", "it is not a certificate" + again},
		"an END line alone":               {"-----END CERTIFICATE-----\n", "it has no BEGIN line" + again},
	} {
		for count, before := range []string{"", otherCA, otherCA + "# another one\n" + otherCA} {
			for _, after := range []string{"", "\n" + otherCA} {
				t.Run(name, func(t *testing.T) {
					_, err := NewClient(Config{Endpoint: "https://deepcall.invalid", CABundle: []byte(before + tc.damaged + after)})
					var typed *CABundleError
					want := "can't be read at certificate " + string(rune('1'+count)) + ": " + tc.want
					if !errors.As(err, &typed) || typed.Problem != want {
						t.Errorf("got  %v\nwant %s", err, want)
					}
				})
			}
		}
	}
}

func TestParseCABundleRejectsOtherFormats(t *testing.T) {
	for name, tc := range map[string]struct{ bundle, want string }{
		"blank":               {" \n", "holds no certificate: give the CA's certificates in PEM form"},
		"not PEM":             {"QQQ", "holds no certificate: give the CA's certificates in PEM form"},
		"comments only":       {"# none\n", "holds no certificate: give the CA's certificates in PEM form"},
		"DER":                 {"0\x82\x01\x81\x00", "is not plain text: give the CA's certificates in PEM form, saved as UTF-8"},
		"UTF-16":              {"\xff\xfe-\x00-\x00", "is not plain text: give the CA's certificates in PEM form, saved as UTF-8"},
		"base64 twice":        {strings.Repeat("LS0tLS1CRUdJ", 10), "can't be read at certificate 1: it has no BEGIN line; export it again in PEM form"},
		"too large":           {strings.Repeat("# comment\n", 80_000) + otherCA, "has more than 768 KiB: leave only the CA's certificates"},
		"a private key":       {otherCA + "-----BEGIN PRIVATE KEY-----\nUVFR\n-----END PRIVATE KEY-----\n", "contains something other than certificates: leave only the CERTIFICATE blocks"},
		"a trusted one":       {"-----BEGIN TRUSTED CERTIFICATE-----\nUVFR\n-----END TRUSTED CERTIFICATE-----\n", "contains something other than certificates: leave only the CERTIFICATE blocks"},
		"a request for a one": {"-----BEGIN CERTIFICATE REQUEST-----\nUVFR\n-----END CERTIFICATE REQUEST-----\n", "contains something other than certificates: leave only the CERTIFICATE blocks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewClient(Config{Endpoint: "https://deepcall.invalid", CABundle: []byte(tc.bundle)})
			var typed *CABundleError
			if !errors.As(err, &typed) || typed.Problem != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}
