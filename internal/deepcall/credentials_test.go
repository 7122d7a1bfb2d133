package deepcall

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const (
	testToken  = `s3cr3t/t+k"en<é>`
	testUserID = "user-1001-xyz"
)

func credentials(t testing.TB, pairs ...string) Credentials {
	t.Helper()
	data := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = []byte(pairs[i+1])
	}
	cred, err := ParseCredentials(data)
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func TestParseCredentials(t *testing.T) {
	type data = map[string][]byte
	for name, tc := range map[string]struct {
		data data
		want secrets
		auth string
		err  string // a part of the error
	}{
		"accepts a session ID":                    {data: data{"ssid": []byte("abc")}, want: secrets{ssid: "abc"}, auth: "Session"},
		"accepts a user ID with a token":          {data: data{"userId": []byte("1"), "token": []byte("t")}, want: secrets{userID: "1", token: "t"}, auth: "UserToken"},
		"trims one newline":                       {data: data{"ssid": []byte("abc\n")}, want: secrets{ssid: "abc"}, auth: "Session"},
		"trims one Windows newline":               {data: data{"ssid": []byte("abc\r\n")}, want: secrets{ssid: "abc"}, auth: "Session"},
		"keeps spaces between other characters":   {data: data{"ssid": []byte("a b  c")}, want: secrets{ssid: "a b  c"}, auth: "Session"},
		"keeps other scripts":                     {data: data{"ssid": []byte("é९ß漢")}, want: secrets{ssid: "é९ß漢"}, auth: "Session"},
		"takes an empty value as missing":         {data: data{"ssid": []byte("\n"), "userId": []byte("1"), "token": []byte("t")}, want: secrets{userID: "1", token: "t"}, auth: "UserToken"},
		"ignores other keys":                      {data: data{"ssid": []byte("abc"), "SSID": []byte("x"), "note": {0xff}}, want: secrets{ssid: "abc"}, auth: "Session"},
		"rejects both":                            {data: data{"ssid": []byte("QQQ"), "userId": []byte("QQQ"), "token": []byte("QQQ")}, err: "remove either ssid, or userId and token"},
		"rejects a session ID with a user ID":     {data: data{"ssid": []byte("QQQ"), "userId": []byte("QQQ")}, err: "both ssid and userId"},
		"rejects a session ID with a token":       {data: data{"ssid": []byte("QQQ"), "token": []byte("QQQ")}, err: "both ssid and token"},
		"rejects neither":                         {data: data{}, err: "add ssid, or add userId and token"},
		"rejects nil":                             {err: "neither ssid nor userId and token"},
		"rejects a user ID alone":                 {data: data{"userId": []byte("QQQ")}, err: "no token: add token"},
		"rejects a token alone":                   {data: data{"token": []byte("QQQ"), "userId": []byte("\r\n")}, err: "no userId: add userId"},
		"rejects invalid UTF-8 and names the key": {data: data{"userId": []byte("QQQ"), "token": []byte("QQQ\xff")}, err: "key token that is not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			cred, err := ParseCredentials(tc.data)
			if tc.err == "" {
				if err != nil || cred.secrets() != tc.want || cred.Authentication() != tc.auth || cred.IsZero() {
					t.Fatalf("got %+v, %q, %v", cred.secrets(), cred.Authentication(), err)
				}
				return
			}
			var typed *CredentialsError
			if !errors.As(err, &typed) || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "QQQ") {
				t.Fatalf("error %v, want %q in it", err, tc.err)
			}
			if !cred.IsZero() || cred.Authentication() != "" {
				t.Fatal("credentials were returned with the error")
			}
		})
	}
}

func TestParseCredentialsRejectsInvisibleCharacters(t *testing.T) {
	for value, want := range map[string]string{
		"\ufeffQQQ":                 "begins with a byte order mark (U+FEFF)",
		"QQQ\ufeffQ":                "contains a byte order mark (U+FEFF)",
		" QQQ":                      "begins with a space (U+0020)",
		"QQQ ":                      "ends with a space (U+0020)",
		"QQQ \n":                    "ends with a space (U+0020)",
		" ":                         "begins with a space (U+0020)",
		"\tQQQ":                     "begins with a tab (U+0009)",
		"QQQ\t":                     "ends with a tab (U+0009)",
		"QQQ\tQ":                    "contains a tab (U+0009)",
		"QQQ\n\n":                   "ends with a second newline (U+000A)",
		"QQQ\r\n\r\n":               "ends with a carriage return (U+000D)",
		"QQQ\r":                     "ends with a carriage return (U+000D)",
		"\nQQQ":                     "begins with a newline (U+000A)",
		"QQQ\nQ":                    "contains a newline (U+000A)",
		"\u00a0QQQ":                 "begins with a no-break space (U+00A0)",
		"QQQ\u00a0Q":                "contains a no-break space (U+00A0)",
		"QQQ\u3000":                 "ends with a space character (U+3000)",
		"QQQ\u2028Q":                "contains a line separator (U+2028)",
		"QQQ\u2029Q":                "contains a line separator (U+2029)",
		"QQQ\u200b":                 "ends with a zero-width space (U+200B)",
		"QQQ\u200dQ":                "contains an invisible character (U+200D)",
		"QQQ\u202eQ":                "contains an invisible character (U+202E)",
		"QQQ\u00adQ":                "contains an invisible character (U+00AD)",
		"QQQ\u2060":                 "ends with an invisible character (U+2060)",
		"QQQ\u3164Q":                "contains an invisible character (U+3164)",
		"QQQ\ufe0f":                 "ends with an invisible character (U+FE0F)",
		"QQQ\U000e0041Q":            "contains an invisible character (U+E0041)",
		"QQQ\x1b[0m":                "contains a control character (U+001B)",
		"\x7fQQQ":                   "begins with a control character (U+007F)",
		"QQQ\u0085":                 "ends with a control character (U+0085)",
		"Q\x00Q\x00Q\x00":           "contains a NUL character (U+0000), as UTF-16 text does; store the value as UTF-8",
		"\ufeff\x00Q":               "contains a NUL character (U+0000), as UTF-16 text does; store the value as UTF-8",
		"QQQ \u200b \t":             "ends with a space (U+0020)",
		"Q Q Q\u200bQ \u200b\ufeff": "contains a zero-width space (U+200B)",
	} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			for key, data := range map[string]map[string][]byte{
				"ssid":   {"ssid": []byte(value)},
				"userId": {"userId": []byte(value), "token": []byte("QQQ")},
				"token":  {"userId": []byte("QQQ"), "token": []byte(value)},
			} {
				cred, err := ParseCredentials(data)
				var typed *CredentialsError
				if !errors.As(err, &typed) || !strings.Contains(typed.Problem, "key "+key+" "+want) || !cred.IsZero() {
					t.Errorf("got %v, want key %s %s", err, key, want)
				}
				if err != nil && strings.Contains(err.Error(), "Q") {
					t.Errorf("the error quotes the value: %v", err)
				}
			}
		})
	}
}

func TestCredentialsEqualComparesFields(t *testing.T) {
	user := credentials(t, "userId", "ab", "token", "c")
	for name, tc := range map[string]struct {
		other Credentials
		want  bool
	}{
		"the same values":                 {credentials(t, "userId", "ab", "token", "c\n"), true},
		"values split differently":        {credentials(t, "userId", "a", "token", "bc"), false},
		"another token":                   {credentials(t, "userId", "ab", "token", "d"), false},
		"a session ID of the same letter": {credentials(t, "ssid", "c"), false},
		"none":                            {Credentials{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if user.Equal(tc.other) != tc.want || tc.other.Equal(user) != tc.want {
				t.Errorf("Equal is not %v", tc.want)
			}
		})
	}
	if !(Credentials{}).Equal(Credentials{}) {
		t.Error("no credentials are not equal to none")
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	cred := credentials(t, "userId", testUserID, "token", testToken)
	type open struct{ Cred Credentials }
	type openPointer struct{ Cred *Credentials }
	type hidden struct{ cred Credentials } // fmt can't use methods here
	type hiddenPointer struct{ cred *Credentials }
	values := map[string]any{
		"a value":                  cred,
		"a pointer":                &cred,
		"a field":                  open{cred},
		"a field behind a pointer": &openPointer{&cred},
		"an unexported field":      hidden{cred},
		"an unexported pointer":    &hiddenPointer{&cred},
		"a map":                    map[string]Credentials{"k": cred},
		"a map of hidden":          map[string]*hidden{"k": {cred}},
		"a slice":                  []any{cred, &cred, hidden{cred}},
		"an error":                 fmt.Errorf("with %v", cred),
		"the client's error":       &Error{Entry: entryConnectionFailed, cause: connectionCause(errors.New("at " + testToken))},
	}
	for name, value := range values {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspw" {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "300", ".2"} {
				format := "%" + flags + string(verb)
				expectNoSecret(t, name+" by "+format, fmt.Sprintf(format, value))
			}
		}
		expectNoSecret(t, name+" by Sprint", fmt.Sprint(value)+fmt.Sprintln(value))

		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).With("with", value).Info("message", "key", value, slog.Group("group", "key", value))
		}
		expectNoSecret(t, name+" by slog", log.String())

		asJSON, err := json.Marshal(value)
		expectNoSecret(t, name+" by JSON", fmt.Sprint(string(asJSON), err))
		asXML, err := xml.Marshal(value)
		expectNoSecret(t, name+" by XML", fmt.Sprint(string(asXML), err))
	}
	text, _ := cred.MarshalText()
	yaml, _ := cred.MarshalYAML()
	for _, got := range []any{
		cred.String(), cred.GoString(), cred.MarshalLog(), string(text), yaml, fmt.Sprintf("%+v", cred),
		fmt.Sprintf("%x", &cred), cred.LogValue().String(), fmt.Sprint(Credentials{}),
	} {
		if got != redacted {
			t.Errorf("got %v, want %s", got, redacted)
		}
	}
}

// expectNoSecret checks that a text has no part of the test's secrets, plain or in hex.
func expectNoSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{"s3cr3t", "user-1001", fmt.Sprintf("%x", "s3cr3t"), fmt.Sprintf("%X", "user-1001")} {
		if strings.Contains(text, secret) {
			t.Errorf("%s reveals a credential: %s", what, text)
		}
	}
}
