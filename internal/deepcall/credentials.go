package deepcall

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Credentials authenticate an account with a session ID, or with a user ID and a
// token. They print, log and marshal as "[redacted]", also inside other values, and
// are compared with Equal. The zero value holds no credentials.
type Credentials struct {
	// A closure hides the values from printers that bypass the methods, such as fmt
	// for unexported fields and deep dumpers: they follow pointers, but not functions.
	reveal func() secrets
}

// secrets are the plain values. They must not be printed, logged or stored.
type secrets struct{ ssid, userID, token string }

// CredentialsError is returned by ParseCredentials for an invalid Secret. Its text
// says how the account's owner corrects it, and holds no value.
type CredentialsError struct{ Problem string }

func (e *CredentialsError) Error() string { return "the Secret " + e.Problem }

// ParseCredentials parses the data of a Secret, which holds either ssid, or userId
// and token. It trims one trailing newline from each value, takes an empty value as
// missing, and ignores other keys. It rejects values with invisible characters, which
// editors and shells add unnoticed. Spaces are valid except at either end. Its error
// is always a *CredentialsError.
func ParseCredentials(data map[string][]byte) (Credentials, error) {
	var s secrets
	for _, f := range []struct {
		key   string
		value *string
	}{{"ssid", &s.ssid}, {"userId", &s.userID}, {"token", &s.token}} {
		if !utf8.Valid(data[f.key]) {
			return Credentials{}, &CredentialsError{fmt.Sprintf("has a key %s that is not valid UTF-8: store the plain text there", f.key)}
		}
		*f.value = trimNewline(string(data[f.key]))
		if problem := findInvisible(*f.value); problem != "" {
			return Credentials{}, &CredentialsError{fmt.Sprintf("can't be used: key %s %s", f.key, problem)}
		}
	}
	if problem := s.problem(); problem != "" {
		return Credentials{}, &CredentialsError{problem}
	}
	return Credentials{reveal: func() secrets { return s }}, nil
}

// problem describes what is missing or too much. It is empty for valid secrets.
func (s secrets) problem() string {
	switch {
	case s.ssid != "" && s.userID != "" && s.token != "":
		return "has both ssid and userId with token: remove either ssid, or userId and token"
	case s.ssid != "" && s.userID != "":
		return "has both ssid and userId: remove userId, or remove ssid and add token"
	case s.ssid != "" && s.token != "":
		return "has both ssid and token: remove token, or remove ssid and add userId"
	case s.ssid != "":
		return ""
	case s.userID == "" && s.token == "":
		return "has neither ssid nor userId and token: add ssid, or add userId and token"
	case s.token == "":
		return "has userId but no token: add token"
	case s.userID == "":
		return "has token but no userId: add userId"
	}
	return ""
}

// Authentication returns the kind of the credentials: "UserToken", "Session", or ""
// for none.
func (c Credentials) Authentication() string {
	switch s := c.secrets(); {
	case s.ssid != "":
		return "Session"
	case s.token != "":
		return "UserToken"
	}
	return ""
}

// IsZero reports whether there are no credentials.
func (c Credentials) IsZero() bool { return c.reveal == nil }

// Equal reports whether both are the same, in constant time.
func (c Credentials) Equal(o Credentials) bool {
	a, b := c.secrets().digest(), o.secrets().digest()
	return subtle.ConstantTimeCompare(a, b) == 1
}

func (c Credentials) secrets() secrets {
	if c.reveal == nil {
		return secrets{}
	}
	return c.reveal()
}

// digest returns a hash of each field, so that its length is constant and the fields
// are not mixed up.
func (s secrets) digest() []byte {
	var out []byte
	for _, value := range []string{s.ssid, s.userID, s.token} {
		sum := sha256.Sum256([]byte(value))
		out = append(out, sum[:]...)
	}
	return out
}

// findInvisible describes the first invisible character of a value, and a space at
// either end. It is empty if there is none.
func findInvisible(value string) string {
	if strings.Contains(value, "\x00") {
		return "contains a NUL character (U+0000), as UTF-16 text does; store the value as UTF-8"
	}
	end := len(strings.TrimRightFunc(value, func(r rune) bool { return r == ' ' || invisible(r) }))
	for i, r := range value {
		atEnd := i >= end
		if !invisible(r) && (r != ' ' || i > 0 && !atEnd) {
			continue
		}
		where, kind := "contains", kindOf(r)
		switch {
		case i == 0:
			where = "begins with"
		case atEnd && r == '\n': // the last newline is trimmed
			where, kind = "ends with", "a second newline"
		case atEnd:
			where = "ends with"
		}
		return fmt.Sprintf("%s %s (%U); store the value without it", where, kind, r)
	}
	return ""
}

// invisible reports whether a character other than a space can't be seen.
func invisible(r rune) bool {
	return r != ' ' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// kindOf names a space or an invisible character.
func kindOf(r rune) string {
	switch r {
	case ' ':
		return "a space"
	case '\t':
		return "a tab"
	case '\n':
		return "a newline"
	case '\r':
		return "a carriage return"
	case '\u00a0':
		return "a no-break space"
	case '\u200b':
		return "a zero-width space"
	case '\ufeff':
		return "a byte order mark"
	}
	switch {
	case unicode.IsControl(r):
		return "a control character"
	case unicode.In(r, unicode.Zl, unicode.Zp):
		return "a line separator"
	case unicode.IsSpace(r):
		return "a space character"
	}
	return "an invisible character"
}

func trimNewline(s string) string {
	if line, ok := strings.CutSuffix(s, "\r\n"); ok {
		return line
	}
	return strings.TrimSuffix(s, "\n")
}

// The methods below are those that printers, loggers and encoders use.

// Format writes "[redacted]" for every verb and flag.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns "[redacted]".
func (c Credentials) String() string { return redacted }

// GoString returns "[redacted]".
func (c Credentials) GoString() string { return redacted }

// LogValue returns "[redacted]" to slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalLog returns "[redacted]" to logr.
func (c Credentials) MarshalLog() any { return redacted }

// MarshalText returns "[redacted]".
func (c Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" in quotes.
func (c Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML returns "[redacted]".
func (c Credentials) MarshalYAML() (any, error) { return redacted, nil }
