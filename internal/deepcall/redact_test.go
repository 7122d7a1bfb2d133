package deepcall

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// spellings are ways in which a secret may come back.
var spellings = map[string]func(string) string{
	"raw":                     func(s string) string { return s },
	"JSON":                    func(s string) string { return inner(asJSON(s, true)) },
	"JSON without HTML":       func(s string) string { return inner(asJSON(s, false)) },
	"JSON with escaped slash": func(s string) string { return strings.ReplaceAll(inner(asJSON(s, false)), "/", `\/`) },
	"all of it as \\u":        func(s string) string { return unicodeEscapes(s, `\u%04x`) },
	"all of it as \\U upper":  func(s string) string { return unicodeEscapes(s, `\u%04X`) },
	"Go-quoted":               func(s string) string { return inner(strconv.Quote(s)) },
	"Go-quoted as ASCII":      func(s string) string { return inner(strconv.QuoteToASCII(s)) },
	"Go bytes":                func(s string) string { return byteEscapes(s, `\x%02x`) },
	"octal":                   func(s string) string { return byteEscapes(s, `\%03o`) },
	"URL query":               url.QueryEscape,
	"URL query lower":         func(s string) string { return byteEscapes(s, `%%%02x`) },
	"URL query upper":         func(s string) string { return byteEscapes(s, `%%%02X`) },
	"URL path":                url.PathEscape,
	"HTML":                    html.EscapeString,
	"HTML by number":          func(s string) string { return unicodeEscapes(s, "&#%d;") },
	"XML by hex number":       func(s string) string { return unicodeEscapes(s, "&#x%X;") },
	"hex":                     func(s string) string { return hex.EncodeToString([]byte(s)) },
	"hex upper":               func(s string) string { return fmt.Sprintf("%X", s) },
	"base64":                  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 raw":              func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":              func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 raw URL":          func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 after one byte":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("1" + s + "!!")) },
	"base64 after two bytes":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("1:" + s + "!")) },
	"JSON in JSON":            func(s string) string { return inner(asJSON(asJSON(s, true), true)) },
	"JSON, Go-quoted twice":   func(s string) string { return strconv.Quote(strconv.Quote(asJSON(s, true))) },
	"URL query twice":         func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"base64 in a URL":         func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"JSON in a URL":           func(s string) string { return url.QueryEscape(asJSON(s, true)) },
	"HTML in JSON":            func(s string) string { return asJSON(html.EscapeString(s), true) },
}

func asJSON(s string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(s)
	return strings.TrimSuffix(out.String(), "\n")
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

func unicodeEscapes(s, format string) string {
	var out strings.Builder
	for _, r := range s {
		if r > 0xffff && strings.HasPrefix(format, `\u`) {
			r -= 0x10000
			fmt.Fprintf(&out, format, 0xD800+r>>10)
			r = 0xDC00 + r&0x3ff
		}
		fmt.Fprintf(&out, format, r)
	}
	return out.String()
}

func byteEscapes(s, format string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, format, b)
	}
	return out.String()
}

func TestRedactStrikesEverySpelling(t *testing.T) {
	for _, secret := range []string{testToken, "plain-token-1234", "a b+c%d&e", "line\none\ttwo", `back\slash\\n`, "日本語😀token", "s3cr3t", "tok1"} {
		for _, cred := range []Credentials{
			credentials(t, "ssid", secret),
			credentials(t, "userId", "99999999", "token", secret),
			credentials(t, "userId", secret, "token", "another-token"),
		} {
			for name, spell := range spellings {
				text := "<" + spell(secret) + ">"
				got := cred.Redact(text)
				if !strings.Contains(got, redacted) || len(got) > len(`<""`+`\"\"\\\"\\\"%22%22`+redacted+`==>`) {
					t.Errorf("%s: %q became %q", name, text, got)
				}
			}
		}
	}
}

func TestRedact(t *testing.T) {
	long := strings.Repeat("x", 250)
	for name, tc := range map[string]struct{ ssid, userID, text, want string }{
		"keeps a harmless text":                         {userID: "1001", text: "Invalid agentId", want: "Invalid agentId"},
		"strikes every occurrence":                      {ssid: "abcd", text: "abcd, abcdabcd", want: "[redacted], [redacted]"},
		"strikes occurrences that overlap":              {ssid: "aXa", text: "-aXaXa-", want: "-[redacted]-"},
		"strikes a token within a word":                 {ssid: "abcd", text: "xabcdx", want: "x[redacted]x"},
		"strikes a short ID as a word":                  {userID: "7", text: "agent 7 (id=7, user7)", want: "agent [redacted] (id=[redacted], user[redacted])"},
		"keeps numbers that contain a short ID":         {userID: "7", text: "code 1007 at 17:07", want: "code 1007 at 17:07"},
		"keeps words that contain a short ID":           {userID: "bob", text: "bobsled of bob", want: "bobsled of [redacted]"},
		"strikes an escaped short ID":                   {userID: "1001", text: `\n1001 %31001 &#49;001 \u0031001`, want: `\n[redacted] [redacted] [redacted] [redacted]`},
		"strikes a long ID within a word":               {userID: "10010010", text: "x910010010", want: "x9[redacted]"},
		"makes control characters harmless":             {ssid: "abcd", text: "a\nb\x1b[31m\u202e\u200b\x00", want: "a b\uFFFD[31m\uFFFD\uFFFD\uFFFD"},
		"makes invalid UTF-8 harmless":                  {ssid: "abcd", text: "a\xff\xc3(b", want: "a\uFFFD\uFFFD(b"},
		"lets no parts grow together":                   {ssid: "ab", text: "a\x00b", want: "a\uFFFDb"},
		"strikes what would be shown as the secret":     {ssid: "a b", text: "a\nb", want: "[redacted]"},
		"keeps 256 characters":                          {ssid: "abcd", text: long + "äöüäöü", want: long + "äöüäöü"},
		"cuts after 256 characters":                     {ssid: "abcd", text: long + "äöüäöüä", want: long + "äöüäö…"},
		"strikes before it cuts":                        {ssid: "abcdefghijkl", text: long + "abcdefghijkl", want: long + "[reda…"},
		"strikes a base64 text that holds the secret":   {ssid: "abcd", text: base64.StdEncoding.EncodeToString([]byte("user:abcd:more")), want: redacted},
		"keeps other base64":                            {ssid: "abcd", text: "TWFu", want: "TWFu"},
		"strikes a short ID's base64 only by itself":    {userID: "7", text: "Nw== Nwx", want: "[redacted] Nwx"},
		"reads an escape that is cut as it stands":      {ssid: "abcd", text: `\ \u \u00 \ud83d % %4 & &amp`, want: `\ \u \u00 \ud83d % %4 & &amp`},
		"strikes a secret in a text that is cut itself": {ssid: "abcd", text: `abcd\`, want: `[redacted]\`},
	} {
		t.Run(name, func(t *testing.T) {
			cred := credentials(t, "ssid", "unrelated-session")
			if tc.ssid != "" {
				cred = credentials(t, "ssid", tc.ssid)
			}
			if tc.userID != "" {
				cred = credentials(t, "userId", tc.userID, "token", "unrelated-token")
			}
			if got := cred.Redact(tc.text); got != tc.want {
				t.Errorf("Redact(%q) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
	t.Run("cleans and cuts without credentials too", func(t *testing.T) {
		if got := (Credentials{}).Redact("a\x00" + long + long); utf8.RuneCountInString(got) != maxText || !strings.HasPrefix(got, "a\uFFFDx") {
			t.Errorf("got %q", got)
		}
	})
}

func FuzzRedactedTextNeverHoldsTheToken(f *testing.F) {
	f.Add("s3cr3t", "the token s3cr3t, \\u0073\\x33", 3)
	f.Add("a\nb", "a b a\nb a\\nb", 0)
	f.Fuzz(func(t *testing.T, token, text string, at int) {
		cred, err := ParseCredentials(map[string][]byte{"ssid": []byte(token)})
		if err != nil || len(text) > 1<<12 || strings.Contains(redacted+redacted, cred.secrets().ssid) {
			return
		}
		ssid := cred.secrets().ssid
		at = min(max(at, 0), len(text))
		got := cred.Redact(text[:at] + ssid + text[at:])
		if strings.ContainsAny(ssid, "[]…\uFFFD") {
			return // what the marks are made of
		}
		if strings.Contains(got, ssid) || !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxText {
			t.Errorf("token %q, text %q: got %q", ssid, text, got)
		}
	})
}
