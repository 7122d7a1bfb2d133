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
	"unicode"
	"unicode/utf8"
)

// spellings are the ways in which an answer can hold a secret.
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
	"decimal bytes":           func(s string) string { return inner(fmt.Sprintf("%d", []byte(s))) },
	"spaced out":              func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
	"lower case":              strings.ToLower,
	"its first half":          func(s string) string { return s[:(len(s)+1)/2] },
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

func TestRedactHidesEverySpelling(t *testing.T) {
	for _, secret := range []string{testToken, "plain-token-1234", "a b+c%d&e", "line\none\ttwo", `back\slash\\n`, "日本語😀token", "s3cr3t", "tok1", "!?!?!?"} {
		for _, s := range []secrets{
			{ssid: secret},
			{userID: "99999999", token: secret},
			{userID: secret, token: "another-token"},
		} {
			cred := Credentials{reveal: func() secrets { return s }} // ParseCredentials rejects some of them
			for name, spell := range spellings {
				if tooShort := len(condense(spell(secret))) < maxPart; tooShort && name == "its first half" || secret == "!?!?!?" && name == "spaced out" {
					continue
				}
				for _, text := range []string{spell(secret), "no " + spell(secret), "(" + spell(secret) + ")"} {
					if got := cred.redact(text); got != redacted {
						t.Errorf("%s: %q is shown as %q", name, text, got)
					}
				}
			}
		}
	}
}

func TestRedact(t *testing.T) {
	long := strings.Repeat("xyz ", 64)
	for name, tc := range map[string]struct{ ssid, userID, text, want string }{
		"shows a harmless text":                        {userID: "1001", text: "Invalid agentId (7): try again, please!", want: "Invalid agentId (7): try again, please!"},
		"shows an empty text":                          {userID: "7", text: "", want: ""},
		"shows white space as single spaces":           {ssid: "abcd", text: " a\n\tb\u00a0 c\n", want: "a b c"},
		"hides a text with a token within a word":      {ssid: "abcd", text: "xabcdx", want: redacted},
		"hides a text with a token in capitals":        {ssid: "abcd", text: "ABCD", want: redacted},
		"hides a text with a part of a token":          {ssid: "abcdefghijklmnopqrst", text: "the token ghijklmn", want: redacted},
		"shows a text with less than 8 of a token":     {ssid: "abcdefghijklmnopqrst", text: "the token ghijklm", want: "the token ghijklm"},
		"hides a text with a token amid white space":   {ssid: "a b", text: "a\nb", want: redacted},
		"hides a text with a token of signs":           {ssid: "?!", text: "What?!", want: redacted},
		"hides a text with a short ID":                 {userID: "7", text: "agent 7", want: redacted},
		"hides a text with a short ID after letters":   {userID: "7", text: "user7", want: redacted},
		"hides a text with a short ID between signs":   {userID: "7", text: "(7)", want: redacted},
		"shows numbers with a short ID in them":        {userID: "7", text: "code 1007 at 17:07", want: "code 1007 at 17:07"},
		"shows numbers with a longer ID in them":       {userID: "1001", text: "code 10010, agent 91001", want: "code 10010, agent 91001"},
		"hides a text with a short ID in hex":          {userID: "1001", text: "id 31303031", want: redacted},
		"hides a text with a short ID in base64":       {userID: "1001", text: "id MTAwMQ", want: redacted},
		"hides a text with a short ID within base64":   {userID: "644639", text: "Bad:ZDY0NDYzOQ:value", want: redacted},
		"hides a text with a long ID within a word":    {userID: "10010010", text: "x910010010", want: redacted},
		"hides a text with an ID of letters in a word": {userID: "bob", text: "bobsled", want: redacted},
		"hides control characters":                     {ssid: "abcd", text: "a\x1b[31m", want: redacted},
		"hides invisible characters":                   {ssid: "abcd", text: "a\u200bb", want: redacted},
		"hides a change of direction":                  {ssid: "abcd", text: "a\u202eb", want: redacted},
		"hides invalid UTF-8":                          {ssid: "abcd", text: "a\xff", want: redacted},
		"hides look-alikes":                            {ssid: "abcd", text: "ａｂｃｄ", want: redacted},
		"hides a backslash":                            {ssid: "abcd", text: `a\u0062cd`, want: redacted},
		"hides a percent sign":                         {ssid: "abcd", text: "a%62cd", want: redacted},
		"hides an ampersand":                           {ssid: "abcd", text: "a&#98;cd", want: redacted},
		"hides an equals sign":                         {ssid: "abcd", text: "a=62cd", want: redacted},
		"hides a word that is too long":                {ssid: "abcd", text: "GEZDGNBVGY3TQOJQGEZDGNBVG", want: redacted},
		"shows 256 characters":                         {ssid: "abcd", text: long[:255] + "x", want: long[:255] + "x"},
		"cuts after 256 characters":                    {ssid: "abcd", text: long[:255] + "xy", want: long[:255] + "…"},
		"hides a secret behind the cut":                {ssid: "abcdefghijkl", text: long + "abcdefghijkl", want: redacted},
		"hides a secret across the cut":                {ssid: "abcdefghijkl", text: long[:252] + "abcdefghijkl", want: redacted},
		"hides base64 that holds the secret":           {ssid: "abcd", text: base64.RawStdEncoding.EncodeToString([]byte("user:abcd:more")), want: redacted},
		"shows other base64":                           {ssid: "abcd", text: "TWFu", want: "TWFu"},
	} {
		t.Run(name, func(t *testing.T) {
			cred := credentials(t, "ssid", "unrelated-session")
			if tc.ssid != "" {
				cred = credentials(t, "ssid", tc.ssid)
			}
			if tc.userID != "" {
				cred = credentials(t, "userId", tc.userID, "token", "unrelated-token")
			}
			if got := cred.redact(tc.text); got != tc.want {
				t.Errorf("redact(%q) = %q, want %q", tc.text, got, tc.want)
			}
		})
	}
	t.Run("works without credentials", func(t *testing.T) {
		if got := (Credentials{}).redact("Try later"); got != "Try later" {
			t.Errorf("got %q", got)
		}
	})
}

// plain maps a text to characters that redact shows, so that a secret beside it is
// not hidden for the sake of other characters.
func plain(text string) string {
	const shown = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,:;!?'\"()/_- "
	var out strings.Builder
	for _, b := range []byte(text) {
		out.WriteByte(shown[int(b)%len(shown)])
	}
	return out.String()
}

func isShowable(text string) bool {
	printable := !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	return printable && utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxText
}
