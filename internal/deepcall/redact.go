package deepcall

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

const (
	redacted = "[redacted]"
	maxText  = 256 // characters of DeepCall's text are shown
	maxPart  = 8   // characters of a credential make a text unsafe
	minPart  = 4   // characters of a short number are recognizable within a longer encoded text
)

var (
	plainText    = regexp.MustCompile(`^[A-Za-z0-9 .,:;!?'"()/_-]*$`) // has no escape sequences
	encodedText  = regexp.MustCompile(`[A-Za-z0-9]{25}`)              // is too long for a word
	shortNumber  = regexp.MustCompile(`^[0-9]{1,7}$`)                 // is often a part of other numbers
	wordOrNumber = regexp.MustCompile(`[a-z]+|[0-9]+`)
)

// redact returns DeepCall's text as one line of at most 256 printable characters, or "[redacted]" if the text can hold
// a credential, or a part of one, in any spelling. Escape sequences are not decoded: text that can contain one is redacted.
func (c Credentials) redact(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if !plainText.MatchString(text) || encodedText.MatchString(text) || c.secrets().canBeIn(text) {
		return redacted
	}
	if len(text) > maxText {
		return text[:maxText-1] + "…"
	}
	return text
}

// canBeIn reports whether a plain text can hold one of the secrets, in any case and with any characters between its
// letters and digits. Of user IDs that are short numbers, only whole ones count: 7 in "agent 7", but not in "code 1507".
// If encoded, one of at least minPart digits is found anywhere.
func (s secrets) canBeIn(text string) bool {
	condensed, words := condense(text), splitWords(text)
	parts := map[string]bool{}
	for i := range len(condensed) - maxPart + 1 {
		parts[condensed[i:i+maxPart]] = true
	}
	for _, secret := range []string{s.ssid, s.token, s.userID} {
		if secret == "" {
			continue
		}
		short := secret == s.userID && secret != s.token && shortNumber.MatchString(secret)
		if !short && strings.Contains(text, secret) { // of other characters only
			return true
		}
		for i, encoding := range encodings(secret) {
			whole := short && (i == 0 || len(secret) < minPart)
			if whole && strings.Contains(words, splitWords(encoding)) || !whole && sharePart(condensed, parts, condense(encoding)) {
				return true
			}
		}
	}
	return false
}

// encodings returns a secret as it is, as decimal bytes, in hex and in base64, also within the base64 of a longer text:
// the characters that do not depend on the text around the secret, for each of its three possible positions.
func encodings(secret string) []string {
	raw := []byte(secret)
	out := []string{secret, fmt.Sprintf("%d", raw), hex.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw)}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + secret))
		if core := encoded[(shift*8+5)/6 : (shift+len(secret))*8/6]; core != "" {
			out = append(out, core)
		}
	}
	return out
}

// sharePart reports whether the text, whose parts of maxPart characters are given, holds the secret, or such a part of it.
func sharePart(text string, parts map[string]bool, secret string) bool {
	if len(secret) < maxPart {
		return secret != "" && strings.Contains(text, secret)
	}
	for i := range len(secret) - maxPart + 1 {
		if parts[secret[i:i+maxPart]] {
			return true
		}
	}
	return false
}

// condense returns the letters and digits of a text, in lower case.
func condense(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(text))
}

// splitWords returns the words and numbers of a text between spaces, in lower case.
func splitWords(text string) string {
	return " " + strings.Join(wordOrNumber.FindAllString(strings.ToLower(text), -1), " ") + " "
}
