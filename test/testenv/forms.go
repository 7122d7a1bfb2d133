package testenv

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// plainEnd is how much of a canary's beginning, and of its end, no escaping changes.
const plainEnd = 20

// Canary is a credential that is found wherever it goes, also in part: the text, which must be unique,
// long and of letters and digits, stands on both sides of what each escaping writes differently.
func Canary(text string) string {
	if len(text) < plainEnd {
		panic("too short for a canary: " + text)
	}
	return text + `"<&>é\%+ 'ß` + text
}

// Forms are the ways in which a canary, or a good part of it, could be written, by what they are.
func Forms(secret string) map[string]string {
	start := secret[:plainEnd]
	forms := map[string]string{
		"as it is":             secret,
		"its beginning":        start,
		"its end":              secret[len(secret)-plainEnd:],
		"quoted for JSON":      inJSON(secret, true),
		"quoted without HTML":  inJSON(secret, false),
		"quoted for Go":        inner(strconv.Quote(secret)),
		"quoted in ASCII":      inner(strconv.QuoteToASCII(secret)),
		"escaped for a URL":    url.QueryEscape(secret),
		"escaped for a path":   url.PathEscape(secret),
		"escaped for HTML":     html.EscapeString(secret),
		"in hexadecimal":       hex.EncodeToString([]byte(start)),
		"in HEXADECIMAL":       strings.ToUpper(hex.EncodeToString([]byte(start))),
		"in a row of a dump":   fmt.Sprintf("% x", start[4:8]),
		"as a list of numbers": inner(fmt.Sprintf("%d", []byte(start))),
		"as a list in JSON":    strings.Join(strings.Fields(inner(fmt.Sprintf("%d", []byte(start)))), ","),
	}
	for shift := range 3 {
		forms[fmt.Sprintf("in base64, %d bytes in", shift)] = core(base64.RawStdEncoding, start, shift)
		forms[fmt.Sprintf("in base64 of a URL, %d bytes in", shift)] = core(base64.RawURLEncoding, start, shift)
	}
	return forms
}

// Reveals returns the forms of a canary that are in a text, also in the text beside the rows of a dump.
func Reveals(text, secret string) []string {
	var found []string
	dump := dumped(text)
	for form, value := range Forms(secret) {
		if strings.Contains(text, value) || strings.Contains(dump, value) {
			found = append(found, form)
		}
	}
	return found
}

// core is what stays the same of a value's base64 when shift bytes stand before it.
func core(encoding *base64.Encoding, value string, shift int) string {
	text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
	return text[(shift*8+5)/6 : (shift+len(value))*8/6]
}

func inJSON(text string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a string always encodes
	}
	return inner(strings.TrimSpace(out.String()))
}

// inner is a text without its first and last byte.
func inner(text string) string { return text[1 : len(text)-1] }

var dumpRow = regexp.MustCompile(`[0-9a-f]{8}  [0-9a-f ]{48,49} \|(.{1,32}?)\|`)

// dumped is the text that client-go logs beside the rows of a hexadecimal dump.
func dumped(log string) string {
	var text strings.Builder
	for _, row := range dumpRow.FindAllStringSubmatch(log, -1) {
		text.WriteString(row[1])
	}
	return text.String()
}
