package hostile

import (
	"fmt"
	"strings"
)

// statuses are HTTP statuses that contradict the body or need other handling.
var statuses = []attack{
	{name: "100 before the answer", onRequest: respond(head("100 Continue"), answer(hostile))},
	{name: "102 and 103 before the answer", onRequest: respond(head("102 Processing"), head("103 Early Hints", "Link: </x>"), answer(hostile))},
	{name: "100, then silence", slow: true, want: "Timeout", onRequest: respondAndHang(head("100 Continue"))},
	{name: "100, then the end", want: "ConnectionFailed", onRequest: respondAndClose(head("100 Continue"))},
	{name: "100 without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.flood(head("100 Continue")) }},
	{name: "103 with hints without end", want: "ConnectionFailed", onRequest: func(c *serverConn) {
		c.flood(head("103 Early Hints", "Link: "+strings.Repeat("x", 2000)))
	}},
	{name: "100 with a body", want: "Timeout", slow: true, onRequest: respondAndDrain(head("100 Continue", length), hostile)},
	{name: "100 with a body, then the answer", want: "ConnectionFailed", onRequest: respondAndDrain(head("100 Continue", length), hostile, "\r\n", answer(hostile))},
	{name: "101", want: "UnexpectedStatus", onRequest: respondAndDrain(head("101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"), hostile)},
	{name: "101 to HTTP/2", want: "UnexpectedStatus", onRequest: respondAndDrain(head("101 Switching Protocols", "Connection: Upgrade", "Upgrade: h2c"), "\x00\x00\x00\x04\x00\x00\x00\x00\x00")},
	{name: "201 with a success", onRequest: respond(answerWith("201 Created", hostile))},
	{name: "202 with a success", onRequest: respond(answerWith("202 Accepted", hostile))},
	{name: "204", want: "UnreadableAnswer", onRequest: respond(head("204 No Content"))},
	{name: "204 with a body", want: "UnreadableAnswer", onRequest: respondAndDrain(answerWith("204 No Content", hostile))},
	{name: "205 with a length and no body", slow: true, want: "Timeout", onRequest: respondAndHang(head("205 Reset Content", length))},
	{name: "206 of the answer", want: "UnreadableAnswer", onRequest: respond(answerWith("206 Partial Content", hostile[:20], "Content-Range: bytes 0-19/50"))},
	{name: "299 with a rejection", want: "InvalidGroupData", class: "Rejected", certain: true, onRequest: respond(answerWith("299 x", rejection))},
	{name: "304 with a body", want: "Redirected", onRequest: respondAndDrain(answerWith("304 Not Modified", hostile))},
	{name: "400 with a success", want: "UnexpectedStatus", onRequest: respond(answerWith("400 Bad Request", hostile))},
	{name: "400 with a rejection", want: "InvalidGroupData", class: "Rejected", certain: true, onRequest: respond(answerWith("400 Bad Request", rejection))},
	{name: "401 that asks for a password", want: "Unauthorized", class: "Denied", certain: true, onRequest: respond(answerWith("401 x", hostile, `WWW-Authenticate: Basic realm="x"`))},
	{name: "401, then silence", slow: true, want: "Unauthorized", class: "Denied", certain: true, onRequest: respondAndHang(head("401 x", "Content-Length: 4000"))},
	{name: "403 with a page", want: "Forbidden", class: "Denied", certain: true, onRequest: respond(answerWith("403 x", "<html>"))},
	{name: "407 from a proxy", want: "UnexpectedStatus", onRequest: respond(answerWith("407 x", "<html>", `Proxy-Authenticate: Basic realm="x"`))},
	{name: "408, then the end", want: "UnexpectedStatus", onRequest: respondAndClose(answerWith("408 Request Timeout", "", "Connection: close"))},
	{name: "413 with a rejection that quotes the request", want: "InvalidGroupData", class: "Rejected", certain: true, onRequest: func(c *serverConn) {
		c.send(answerWith("413 "+fold(c.body), `{"status":"error","code":1505,"message":`+quoted(c.body)+`}`, "X-Request: "+fold(c.body)))
	}},
	{name: "417", want: "UnexpectedStatus", onRequest: respond(answerWith("417 Expectation Failed", ""))},
	{name: "421", want: "UnexpectedStatus", onRequest: respond(answerWith("421 Misdirected Request", ""))},
	{name: "425", want: "UnexpectedStatus", onRequest: respond(answerWith("425 Too Early", "", "Retry-After: 0"))},
	{name: "426 to HTTP/2", want: "UnexpectedStatus", onRequest: respond(answerWith("426 x", "", "Connection: Upgrade", "Upgrade: h2"))},
	{name: "500 with a success", want: "ServerError", onRequest: respond(answerWith("500 x", hostile))},
	{name: "500, then silence", slow: true, want: "ServerError", onRequest: respondAndHang(head("500 x", "Content-Length: 4000"))},
	{name: "505", want: "ServerError", onRequest: respond(answerWith("505 x", ""))},
	{name: "600 with a success", want: "UnexpectedStatus", onRequest: respond(answerWith("600 x", hostile))},
	{name: "999 with a success", want: "UnexpectedStatus", onRequest: respond(answerWith("999 x", hostile))},
	{name: "status 000", want: "UnexpectedStatus|ConnectionFailed", onRequest: respondAndDrain(answerWith("000 x", hostile))},
	{name: "status 99", want: "ConnectionFailed", onRequest: respondAndDrain(answerWith("99 x", hostile))},
	{name: "a status of four digits", want: "ConnectionFailed", onRequest: respondAndDrain(answerWith("2000 OK", hostile))},
	{name: "a negative status", want: "ConnectionFailed", onRequest: respondAndDrain(answerWith("-20 OK", hostile))},
	{name: "a status that is not a number", want: "ConnectionFailed", onRequest: respondAndDrain(answerWith("OK", hostile))},
	{name: "no text with the status", onRequest: respond(answerWith("200", hostile))},
	{name: "another text with the status", onRequest: respond(answerWith("200 Internal Server Error", hostile))},
}

// retries are invalid or excessive Retry-After headers.
var retries = func() []attack {
	var attacks []attack
	for _, value := range []string{
		"-1", "1e9", "99999999999999999999999999", "NaN", "soon", "0x7fffffff", "Thu, 99 Foo 2026 99:99:99 GMT", "\x80\xff", "", "120, 240",
		"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", strings.Repeat("9", 30000),
	} {
		attacks = append(attacks, attack{
			name: fmt.Sprintf("429 with Retry-After %.30q", value), want: "TooManyRequests", certain: true,
			onRequest: respond(answerWith("429 Too Many Requests", "", "Retry-After: "+value)),
		})
	}
	return append(attacks, attack{
		name: "503 with two Retry-After", want: "ServerError",
		onRequest: respond(answerWith("503 x", "", "Retry-After: 1", "Retry-After: 999999")),
	})
}()

// redirects are answers that point to another URL.
var redirects = func() []attack {
	var attacks []attack
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, target := range map[string]func(c *serverConn) string{
			"another server": func(c *serverConn) string { return c.otherURL + "/api" },
			"the same URL":   func(*serverConn) string { return "/api/v2/Agent/updateAgentGroupMapping" },
			"a bad URL":      func(*serverConn) string { return "%zz://" },
			"a file":         func(*serverConn) string { return "file:///etc/passwd" },
			"no URL":         func(*serverConn) string { return "" },
		} {
			attacks = append(attacks, attack{
				name: fmt.Sprintf("%d to %s", status, name), want: "Redirected",
				onRequest: func(c *serverConn) { c.send(answerWith(fmt.Sprintf("%d x", status), hostile, "Location: "+target(c))) },
			})
		}
	}
	for _, status := range []string{"200 OK", "201 Created", "300 x", "305 Use Proxy", "306 x", "399 x"} {
		a := attack{name: status + " with a location", onRequest: func(c *serverConn) {
			c.send(answerWith(status, hostile, "Location: "+c.otherURL, "Refresh: 0; url="+c.otherURL))
		}}
		if status[0] == '3' {
			a.want = "Redirected"
		}
		attacks = append(attacks, a)
	}
	return attacks
}()

// fold replaces the line ends of a text, for use in a header field.
func fold(text string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(text) }
