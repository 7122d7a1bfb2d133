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

// plainLength is the length of the prefix and the suffix of a canary that no encoding escapes.
const plainLength = 20

// dumpGroup is the number of bytes that a hex dump groups in a row.
const dumpGroup = 8

// Canary returns a credential that Reveals finds in any encoding, even if only a part of it is present. It surrounds
// characters that encodings escape with text, which must be unique, long and alphanumeric.
func Canary(text string) string {
	if len(text) < plainLength {
		panic("canary too short: " + text)
	}
	return text + `"<&>é\%+ 'ß` + text
}

// Forms returns the encodings of a canary, or of a significant part of it, by name.
func Forms(secret string) map[string]string {
	start := secret[:plainLength]
	forms := map[string]string{
		"verbatim":                   secret,
		"prefix":                     start,
		"suffix":                     secret[len(secret)-plainLength:],
		"JSON":                       quoteJSON(secret, true),
		"JSON without HTML escaping": quoteJSON(secret, false),
		"Go string":                  trimDelimiters(strconv.Quote(secret)),
		"ASCII Go string":            trimDelimiters(strconv.QuoteToASCII(secret)),
		"URL query":                  url.QueryEscape(secret),
		"URL path":                   url.PathEscape(secret),
		"HTML":                       html.EscapeString(secret),
		"hexadecimal":                hex.EncodeToString([]byte(start)),
		"upper-case hexadecimal":     strings.ToUpper(hex.EncodeToString([]byte(start))),
		"list of bytes":              trimDelimiters(fmt.Sprintf("%d", []byte(start))),
		"JSON list of bytes":         strings.Join(strings.Fields(trimDelimiters(fmt.Sprintf("%d", []byte(start)))), ","),
	}
	for offset := range dumpGroup { // part of a group would also match words, such as "Toke" in "InvalidToken"
		forms[fmt.Sprintf("hex dump at offset %d", offset)] = fmt.Sprintf("% x", start[offset:offset+dumpGroup])
	}
	for shift := range 3 {
		forms[fmt.Sprintf("base64 at offset %d", shift)] = base64Core(base64.RawStdEncoding, start, shift)
		forms[fmt.Sprintf("URL base64 at offset %d", shift)] = base64Core(base64.RawURLEncoding, start, shift)
	}
	return forms
}

// Reveals returns the names of the encodings of a canary that the text contains, including the text column of hex dumps.
func Reveals(text, secret string) []string {
	return NewLog(text).Reveals(secret)
}

// Log is a text whose hex dumps are extracted once, so that it can be searched for many canaries.
type Log struct{ text, dump string }

// NewLog returns a Log of the text.
func NewLog(text string) Log {
	return Log{text: text, dump: textOfDump(text)}
}

// Reveals returns the names of the encodings of a canary that the log contains.
func (l Log) Reveals(secret string) []string {
	var found []string
	for form, value := range Forms(secret) {
		if strings.Contains(l.text, value) || strings.Contains(l.dump, value) {
			found = append(found, form)
		}
	}
	return found
}

// base64Core returns the part of the base64 encoding of value, preceded by shift bytes, that depends on value only.
func base64Core(encoding *base64.Encoding, value string, shift int) string {
	text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
	return text[(shift*8+5)/6 : (shift+len(value))*8/6]
}

func quoteJSON(text string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	if err := encoder.Encode(text); err != nil {
		panic(err) // encoding a string never fails
	}
	return trimDelimiters(strings.TrimSpace(out.String()))
}

// trimDelimiters removes the first and the last byte.
func trimDelimiters(text string) string { return text[1 : len(text)-1] }

var dumpRow = regexp.MustCompile(`[0-9a-f]{8}  [0-9a-f ]{48,49} \|(.{1,32}?)\|`)

// textOfDump returns the text column of the hex dumps that client-go logs.
func textOfDump(log string) string {
	var text strings.Builder
	for _, row := range dumpRow.FindAllStringSubmatch(log, -1) {
		text.WriteString(row[1])
	}
	return text.String()
}
