package deepcall

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	redacted = "[redacted]"
	// maxText is the most of somebody else's text that people are shown, in runes.
	maxText = 256
	// shortID is the length in bytes below which a user ID is struck only as a
	// whole word: "7" must not turn "code 1507" into "code 150[redacted]".
	shortID = 8
	// shortForm is the length in bytes below which the hex and base64 forms of a
	// secret are too common as parts of other words.
	shortForm = 4
	// maxLayers is how many escapings on top of each other are looked through,
	// as in a quoted error that quotes JSON.
	maxLayers = 3
)

// Redact makes somebody else's text fit to be shown: every occurrence of a
// credential is struck, however it is escaped (JSON, Go, HTML, URL, up to three
// on top of each other; hex; base64, also within a longer text), control
// characters and invalid UTF-8 are replaced, and the rest is cut to 256 characters.
//
// A session ID or token is struck wherever it stands. A user ID is often a short
// number, so one under 8 bytes is struck only where it is no part of a longer
// number or word: the ID 7 is struck in "agent 7" and "user7", but not in "1507".
func (c Credentials) Redact(s string) string {
	return show(s, strike(s, c.secrets().needles()))
}

// needle is one spelling of a secret to look for.
type needle struct {
	text  string
	fold  bool // hex digits in either case
	whole bool // only where it is no part of a longer word or number
	run   bool // strike all of the base64 around it, too
}

func (s secrets) needles() []needle {
	var out []needle
	for _, value := range []string{s.ssid, s.token, s.userID} {
		if value == "" {
			continue
		}
		short := value == s.userID && value != s.token && len(value) < shortID
		out = append(out, needle{text: value, whole: short},
			needle{text: hex.EncodeToString([]byte(value)), fold: true, whole: short || len(value) < shortForm})
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if len(value) < shortForm {
				out = append(out, needle{text: encoding.EncodeToString([]byte(value)), whole: true, run: true})
				continue
			}
			for shift := range 3 {
				out = append(out, needle{text: base64Core(encoding, value, shift), run: true})
			}
		}
	}
	return out
}

// base64Core is what stays the same of a value's base64 when shift bytes (modulo
// three) stand before it: the characters made of its own bits alone.
func base64Core(encoding *base64.Encoding, value string, shift int) string {
	text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
	first := (shift*8 + 5) / 6
	end := (shift + len(value)) * 8 / 6
	return text[first:end]
}

// strike marks the bytes of s that spell a secret, under any of the escapings.
func strike(s string, needles []needle) []bool {
	struck := make([]bool, len(s))
	if len(needles) == 0 {
		return struck
	}
	seen := map[string]bool{}
	var look func(l layer, depth int)
	look = func(l layer, depth int) {
		if seen[l.text] {
			return
		}
		seen[l.text] = true
		for _, n := range needles {
			l.mark(n, struck)
		}
		if depth == maxLayers {
			return
		}
		for _, unescape := range []unescaper{backslash, percent, percentPlus, entity, shown} {
			look(l.unescaped(unescape), depth+1)
		}
	}
	look(plain(s), 0)
	return struck
}

// layer is a text after some unescaping. Its byte i was made of the bytes
// from[i] up to to[i] of the text at the start.
type layer struct {
	text     string
	from, to []int
}

func plain(s string) layer {
	l := layer{text: s, from: make([]int, len(s)), to: make([]int, len(s))}
	for i := range len(s) {
		l.from[i], l.to[i] = i, i+1
	}
	return l
}

// unescaper reads one escape at the start of s: what it stands for, and how many
// bytes it takes, 0 if there is none.
type unescaper func(s string) (string, int)

func (l layer) unescaped(unescape unescaper) layer {
	var text strings.Builder
	out := layer{from: make([]int, 0, len(l.text)), to: make([]int, 0, len(l.text))}
	for i := 0; i < len(l.text); {
		value, width := unescape(l.text[i:])
		if width == 0 {
			value, width = l.text[i:i+1], 1
		}
		text.WriteString(value)
		for range len(value) {
			out.from, out.to = append(out.from, l.from[i]), append(out.to, l.to[i+width-1])
		}
		i += width
	}
	out.text = text.String()
	return out
}

// mark marks every occurrence of a needle, also those that overlap.
func (l layer) mark(n needle, struck []bool) {
	text := l.text
	if n.fold {
		text = lowerASCII(text)
	}
	for at := 0; ; at++ {
		i := strings.Index(text[at:], n.text)
		if i < 0 {
			return
		}
		at += i
		first, end := at, at+len(n.text)
		if n.whole && !(edge(text, first) && edge(text, end)) {
			continue
		}
		for n.run && first > 0 && isBase64(text[first-1]) {
			first--
		}
		for n.run && end < len(text) && isBase64(text[end]) {
			end++
		}
		for j := l.from[first]; j < l.to[end-1]; j++ {
			struck[j] = true
		}
		if n.run {
			at = end - 1 // all up to here is struck
		}
	}
}

// edge reports whether a word or number may begin or end before byte i of s.
func edge(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i:])
	return !(unicode.IsLetter(before) && unicode.IsLetter(after)) && !(unicode.IsDigit(before) && unicode.IsDigit(after))
}

func isBase64(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("+/-_=", b) >= 0
}

func lowerASCII(s string) string {
	out := []byte(s)
	for i, b := range out {
		if 'A' <= b && b <= 'Z' {
			out[i] = b + 'a' - 'A'
		}
	}
	return string(out)
}

// backslash reads the escapes of JSON and Go: \n, \/, \x2f, \057, \u002f, \U0000002f.
func backslash(s string) (string, int) {
	if len(s) < 2 || s[0] != '\\' {
		return "", 0
	}
	if strings.IndexByte(`\/"'`, s[1]) >= 0 {
		return s[1:2], 2
	}
	if high, ok := codeUnit(s); ok && 0xD800 <= high && high < 0xDC00 {
		if low, ok := codeUnit(s[6:]); ok && 0xDC00 <= low && low < 0xE000 {
			return string((high-0xD800)<<10 + (low - 0xDC00) + 0x10000), 12
		}
	}
	r, multibyte, rest, err := strconv.UnquoteChar(s, 0)
	if err != nil {
		return "", 0
	}
	if r < 256 && !multibyte {
		return string([]byte{byte(r)}), len(s) - len(rest)
	}
	return string(r), len(s) - len(rest)
}

// codeUnit reads one \uXXXX, which in JSON may be half of a surrogate pair.
func codeUnit(s string) (rune, bool) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}

func percent(s string) (string, int) {
	if len(s) < 3 || s[0] != '%' {
		return "", 0
	}
	value, err := hex.DecodeString(s[1:3])
	if err != nil {
		return "", 0
	}
	return string(value), 3
}

func percentPlus(s string) (string, int) {
	if s[0] == '+' {
		return " ", 1
	}
	return percent(s)
}

// entity reads a character reference of HTML or XML: &amp; &#38; &#x26;
func entity(s string) (string, int) {
	if s[0] != '&' {
		return "", 0
	}
	end := strings.IndexByte(s[:min(len(s), 16)], ';')
	if end < 0 {
		return "", 0
	}
	value := html.UnescapeString(s[:end+1])
	if value == s[:end+1] {
		return "", 0
	}
	return value, end + 1
}

// shown replaces what must not be shown as it is: white space by a space, invalid
// UTF-8, control characters and the like by U+FFFD. Nothing is just left out, so
// no two parts of a text grow together.
func shown(s string) (string, int) {
	r, width := utf8.DecodeRuneInString(s)
	switch {
	case unicode.IsSpace(r):
		return " ", width
	case !unicode.IsPrint(r):
		return string(utf8.RuneError), width
	}
	return string(r), width // U+FFFD for an invalid byte
}

// show puts the text together, with the struck parts replaced, and cuts it.
func show(s string, struck []bool) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		if struck[i] {
			out.WriteString(redacted)
			for i < len(s) && struck[i] {
				i++
			}
			continue
		}
		value, width := shown(s[i:])
		out.WriteString(value)
		i += width
	}
	text := []rune(out.String())
	if len(text) <= maxText {
		return string(text)
	}
	return string(text[:maxText-1]) + "…"
}
