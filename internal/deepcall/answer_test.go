package deepcall

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

const success = `{"status":"success","code":200,"message":"Done"}`

// unreadable are bodies that must count neither as a success nor as an error with a
// code.
var unreadable = map[string]string{
	"empty":                             ``,
	"white space":                       " \n",
	"no JSON":                           `<html>OK</html>`,
	"null":                              `null`,
	"a number":                          `200`,
	"a string":                          `"success"`,
	"an array":                          `[` + success + `]`,
	"nothing in it":                     `{}`,
	"no status":                         `{"code":200}`,
	"no code":                           `{"status":"success"}`,
	"nested only":                       `{"data":` + success + `}`,
	"status null":                       `{"status":null,"code":200}`,
	"status true":                       `{"status":true,"code":200}`,
	"status in capitals":                `{"status":"SUCCESS","code":200}`,
	"status with a space":               `{"status":"success ","code":200}`,
	"unknown status":                    `{"status":"pending","code":200}`,
	"code null":                         `{"status":"success","code":null}`,
	"code in quotes":                    `{"status":"success","code":"200"}`,
	"code with a fraction":              `{"status":"success","code":200.0}`,
	"code with an exponent":             `{"status":"success","code":2e2}`,
	"code negative zero":                `{"status":"error","code":-0}`,
	"code over 32 bits":                 `{"status":"error","code":4294967496}`,
	"code over 64 bits":                 `{"status":"error","code":18446744073709551816}`,
	"code an object":                    `{"status":"success","code":{"code":200}}`,
	"code with a leading zero":          `{"status":"success","code":0200}`,
	"code with a sign":                  `{"status":"success","code":+200}`,
	"keys in capitals":                  `{"Status":"success","Code":200}`,
	"code twice":                        `{"status":"success","code":1505,"code":200}`,
	"code twice alike":                  `{"status":"success","code":200,"code":200}`,
	"code twice in two cases":           `{"status":"success","code":200,"Code":1505}`,
	"code twice, once escaped":          `{"status":"success","code":200,"\u0063ode":1505}`,
	"status twice in two cases":         `{"STATUS":"error","status":"success","code":200}`,
	"status twice, once with a long s":  `{"ſtatus":"error","status":"success","code":200}`,
	"another key twice":                 `{"status":"success","code":200,"data":1,"data":2}`,
	"success with an error's code":      `{"status":"success","code":1505}`,
	"error with the code of a success":  `{"status":"error","code":200}`,
	"trailing data":                     success + `x`,
	"two answers":                       success + success,
	"a trailing comma":                  `{"status":"success","code":200,}`,
	"a missing comma":                   `{"status":"success" "code":200}`,
	"a comment":                         `{"status":"success",/**/"code":200}`,
	"a truncated answer":                success[:len(success)-1],
	"a byte order mark":                 "\xef\xbb\xbf" + success,
	"UTF-16":                            "\xff\xfe{\x00}\x00",
	"invalid UTF-8 in the message":      `{"status":"success","code":200,"message":"` + "\xff" + `"}`,
	"invalid UTF-8 in another key":      `{"status":"success","code":200,"` + "\xc3" + `":1}`,
	"a control character in the status": "{\"status\":\"success\n\",\"code\":200}",
	"nesting that is too deep":          `{"status":"success","code":200,"data":` + strings.Repeat("[", 12000) + strings.Repeat("]", 12000) + `}`,
}

func TestParseReply(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want reply
	}{
		"a success":                   {success, reply{true, 200, "Done"}},
		"the vendor's example":        {"{\n\"status\": \"error\",\n\"message\": \"Permission denied\",\n\"code\": 1015\n}", reply{false, 1015, "Permission denied"}},
		"white space around":          {" \r\n\t" + success + "\n", reply{true, 200, "Done"}},
		"other members":               {`{"data":{"code":1,"status":"x"},"status":"success","code":200,"":[],"ok":true}`, reply{true, 200, ""}},
		"no message":                  {`{"status":"success","code":200}`, reply{true, 200, ""}},
		"a message that is no string": {`{"status":"error","code":1000,"message":{"a":1}}`, reply{false, 1000, ""}},
		"an undocumented code":        {`{"status":"error","code":-7}`, reply{false, -7, ""}},
		"escapes in keys and values":  {`{"st\u0061tus":"succe\u0073s","code":200}`, reply{true, 200, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parseReply([]byte(tc.body)); err != nil || got != tc.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func FuzzParseReplyAgreesWithEncodingJSON(f *testing.F) {
	f.Add(success)
	for _, body := range unreadable {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseReply([]byte(body))
		if err != nil || !got.success {
			return
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(body), &fields); err != nil || fields["status"] != "success" || fields["code"] != 200.0 {
			t.Errorf("%q was parsed as %+v", body, got)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		value string
		want  time.Duration
	}{
		"absent":                    {"", 0},
		"seconds":                   {"120", 2 * time.Minute},
		"seconds with spaces":       {" 120 ", 2 * time.Minute},
		"zero":                      {"0", 0},
		"over an hour":              {"86400", time.Hour},
		"more digits than a number": {"99999999999999999999999", time.Hour},
		"negative":                  {"-5", 0},
		"a fraction":                {"1.5", 0},
		"words":                     {"soon", 0},
		"a date":                    {"Fri, 02 Jan 2026 03:05:05 GMT", time.Minute},
		"a date in RFC 850's form":  {"Friday, 02-Jan-26 03:05:05 GMT", time.Minute},
		"a date in asctime's form":  {"Fri Jan  2 03:05:05 2026", time.Minute},
		"a date in the past":        {"Fri, 02 Jan 2026 03:04:04 GMT", 0},
		"a date over an hour ahead": {"Sat, 03 Jan 2026 03:04:05 GMT", time.Hour},
		"a date far in the past":    {"Mon, 01 Jan 0001 00:00:00 GMT", 0},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			header.Set("Retry-After", tc.value)
			if got := retryAfter(header, now); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
