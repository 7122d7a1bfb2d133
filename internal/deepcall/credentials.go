package deepcall

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// Credentials are what DeepCall knows an account by: a session ID, or a user ID
// and a token. They print, log and marshal as "[redacted]", also inside of other
// values, and are compared with Equal. The zero value holds none.
type Credentials struct {
	// A function, since printers that go round the methods (fmt at unexported
	// fields, deep dumpers) follow pointers but can't look into a closure.
	reveal func() secrets
}

// secrets are the plain values. Never print, log or keep one.
type secrets struct{ ssid, userID, token string }

// CredentialsError is returned by ParseCredentials for a Secret that can't be
// used. Whoever owns the Secret corrects it; the text says how, and holds no value.
type CredentialsError struct{ Problem string }

func (e *CredentialsError) Error() string { return "the Secret " + e.Problem }

// ParseCredentials reads the data of a Secret: ssid, or userId and token, never
// both. One trailing newline is trimmed from each, an empty value counts as
// missing, other keys are ignored. Its error is always a *CredentialsError.
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
	}
	if problem := s.problem(); problem != "" {
		return Credentials{}, &CredentialsError{problem}
	}
	return Credentials{reveal: func() secrets { return s }}, nil
}

// problem says what is missing or too many; empty if the secrets can be used.
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

// Authentication is how the credentials authenticate: "UserToken", "Session", or
// "" for none.
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

// Equal reports whether both are the same, in a time that tells nothing of them.
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

// digest has one length whatever the values, and keeps the fields apart.
func (s secrets) digest() []byte {
	var out []byte
	for _, value := range []string{s.ssid, s.userID, s.token} {
		sum := sha256.Sum256([]byte(value))
		out = append(out, sum[:]...)
	}
	return out
}

func trimNewline(s string) string {
	if line, ok := strings.CutSuffix(s, "\r\n"); ok {
		return line
	}
	return strings.TrimSuffix(s, "\n")
}

// Everything that prints, logs or marshals goes through one of these.

// Format writes "[redacted]" for every verb and flag.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns "[redacted]".
func (c Credentials) String() string { return redacted }

// GoString returns "[redacted]".
func (c Credentials) GoString() string { return redacted }

// LogValue gives slog "[redacted]".
func (c Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalLog gives logr "[redacted]".
func (c Credentials) MarshalLog() any { return redacted }

// MarshalText returns "[redacted]".
func (c Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]", quoted.
func (c Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML returns "[redacted]".
func (c Credentials) MarshalYAML() (any, error) { return redacted, nil }
