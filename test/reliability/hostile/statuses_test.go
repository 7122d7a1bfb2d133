package hostile

import (
	"fmt"
	"strings"
)

// Statuses that say more, or less, than the body.
var statuses = []attack{
	{name: "100 before the answer", serve: says(head("100 Continue"), answer(hostile))},
	{name: "102 and 103 before the answer", serve: says(head("102 Processing"), head("103 Early Hints", "Link: </x>"), answer(hostile))},
	{name: "100 and silence", slow: true, want: "Timeout", serve: saysAndHangs(head("100 Continue"))},
	{name: "100 and the end", want: "ConnectionFailed", serve: saysAndCloses(head("100 Continue"))},
	{name: "100 without end", want: "ConnectionFailed", serve: func(v *visit) { v.flood(head("100 Continue")) }},
	{name: "103 with more and more hints", want: "ConnectionFailed", serve: func(v *visit) {
		v.flood(head("103 Early Hints", "Link: "+strings.Repeat("x", 2000)))
	}},
	{name: "a body to 100", want: "Timeout", slow: true, serve: saysAndDrains(head("100 Continue", length), hostile)},
	{name: "a body to 100, and the answer", want: "ConnectionFailed", serve: saysAndDrains(head("100 Continue", length), hostile, "\r\n", answer(hostile))},
	{name: "101", want: "UnexpectedStatus", serve: saysAndDrains(head("101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"), hostile)},
	{name: "101 to HTTP/2", want: "UnexpectedStatus", serve: saysAndDrains(head("101 Switching Protocols", "Connection: Upgrade", "Upgrade: h2c"), "\x00\x00\x00\x04\x00\x00\x00\x00\x00")},
	{name: "201 with a success", serve: says(answerWith("201 Created", hostile))},
	{name: "202 with a success", serve: says(answerWith("202 Accepted", hostile))},
	{name: "204", want: "UnreadableAnswer", serve: says(head("204 No Content"))},
	{name: "204 with a body", want: "UnreadableAnswer", serve: saysAndDrains(answerWith("204 No Content", hostile))},
	{name: "205 with a length and none of it", slow: true, want: "Timeout", serve: saysAndHangs(head("205 Reset Content", length))},
	{name: "206 of the answer", want: "UnreadableAnswer", serve: says(answerWith("206 Partial Content", hostile[:20], "Content-Range: bytes 0-19/50"))},
	{name: "299 with a refusal", want: "InvalidGroupData", class: "Rejected", certain: true, serve: says(answerWith("299 x", refusal))},
	{name: "304 with a body", want: "Redirected", serve: saysAndDrains(answerWith("304 Not Modified", hostile))},
	{name: "400 with a success", want: "UnexpectedStatus", serve: says(answerWith("400 Bad Request", hostile))},
	{name: "400 with a refusal", want: "InvalidGroupData", class: "Rejected", certain: true, serve: says(answerWith("400 Bad Request", refusal))},
	{name: "401 that asks for a password", want: "Unauthorized", class: "Denied", certain: true, serve: says(answerWith("401 x", hostile, `WWW-Authenticate: Basic realm="x"`))},
	{name: "401 and silence", slow: true, want: "Unauthorized", class: "Denied", certain: true, serve: saysAndHangs(head("401 x", "Content-Length: 4000"))},
	{name: "403 with a page", want: "Forbidden", class: "Denied", certain: true, serve: says(answerWith("403 x", "<html>"))},
	{name: "407 from a proxy", want: "UnexpectedStatus", serve: says(answerWith("407 x", "<html>", `Proxy-Authenticate: Basic realm="x"`))},
	{name: "408 and the end", want: "UnexpectedStatus", serve: saysAndCloses(answerWith("408 Request Timeout", "", "Connection: close"))},
	{name: "413 with a refusal that quotes the request", want: "InvalidGroupData", class: "Rejected", certain: true, serve: func(v *visit) {
		v.say(answerWith("413 "+fold(v.body), `{"status":"error","code":1505,"message":`+quoted(v.body)+`}`, "X-Request: "+fold(v.body)))
	}},
	{name: "417", want: "UnexpectedStatus", serve: says(answerWith("417 Expectation Failed", ""))},
	{name: "421", want: "UnexpectedStatus", serve: says(answerWith("421 Misdirected Request", ""))},
	{name: "425", want: "UnexpectedStatus", serve: says(answerWith("425 Too Early", "", "Retry-After: 0"))},
	{name: "426 to HTTP/2", want: "UnexpectedStatus", serve: says(answerWith("426 x", "", "Connection: Upgrade", "Upgrade: h2"))},
	{name: "500 with a success", want: "ServerError", serve: says(answerWith("500 x", hostile))},
	{name: "500 and silence", slow: true, want: "ServerError", serve: saysAndHangs(head("500 x", "Content-Length: 4000"))},
	{name: "505", want: "ServerError", serve: says(answerWith("505 x", ""))},
	{name: "600 with a success", want: "UnexpectedStatus", serve: says(answerWith("600 x", hostile))},
	{name: "999 with a success", want: "UnexpectedStatus", serve: says(answerWith("999 x", hostile))},
	{name: "status 000", want: "UnexpectedStatus|ConnectionFailed", serve: saysAndDrains(answerWith("000 x", hostile))},
	{name: "status 99", want: "ConnectionFailed", serve: saysAndDrains(answerWith("99 x", hostile))},
	{name: "a status of four digits", want: "ConnectionFailed", serve: saysAndDrains(answerWith("2000 OK", hostile))},
	{name: "a negative status", want: "ConnectionFailed", serve: saysAndDrains(answerWith("-20 OK", hostile))},
	{name: "a status in words", want: "ConnectionFailed", serve: saysAndDrains(answerWith("OK", hostile))},
	{name: "no words with the status", serve: says(answerWith("200", hostile))},
	{name: "other words with the status", serve: says(answerWith("200 Internal Server Error", hostile))},
}

// retries are headers Retry-After that can't be meant.
var retries = func() []attack {
	var attacks []attack
	for _, value := range []string{
		"-1", "1e9", "99999999999999999999999999", "NaN", "soon", "0x7fffffff", "Thu, 99 Foo 2026 99:99:99 GMT", "\x80\xff", "", "120, 240",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", strings.Repeat("9", 30000),
	} {
		attacks = append(attacks, attack{
			name: fmt.Sprintf("429 with Retry-After %.30q", value), want: "TooManyRequests", certain: true,
			serve: says(answerWith("429 Too Many Requests", "", "Retry-After: "+value)),
		})
	}
	return append(attacks, attack{
		name: "503 with two Retry-After", want: "ServerError",
		serve: says(answerWith("503 x", "", "Retry-After: 1", "Retry-After: 999999")),
	})
}()

// redirects point elsewhere, and might have the request go there once more.
var redirects = func() []attack {
	var attacks []attack
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, to := range map[string]func(v *visit) string{
			"another server": func(v *visit) string { return v.elsewhere + "/api" },
			"the same":       func(*visit) string { return "/api/v2/Agent/updateAgentGroupMapping" },
			"a bad URL":      func(*visit) string { return "%zz://" },
			"a file":         func(*visit) string { return "file:///etc/passwd" },
			"nowhere":        func(*visit) string { return "" },
		} {
			attacks = append(attacks, attack{
				name: fmt.Sprintf("%d to %s", status, name), want: "Redirected",
				serve: func(v *visit) { v.say(answerWith(fmt.Sprintf("%d x", status), hostile, "Location: "+to(v))) },
			})
		}
	}
	for _, status := range []string{"200 OK", "201 Created", "300 x", "305 Use Proxy", "306 x", "399 x"} {
		a := attack{name: status + " with a location", serve: func(v *visit) {
			v.say(answerWith(status, hostile, "Location: "+v.elsewhere, "Refresh: 0; url="+v.elsewhere))
		}}
		if status[0] == '3' {
			a.want = "Redirected"
		}
		attacks = append(attacks, a)
	}
	return attacks
}()

// fold makes text fit for a header field.
func fold(text string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(text) }
