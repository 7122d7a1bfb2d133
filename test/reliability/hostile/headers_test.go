package hostile

import (
	"fmt"
	"strings"
)

// headers are headers that are too long or malformed.
var headers = []attack{
	{name: "a header without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 OK\r\nX: "); c.flood(strings.Repeat("x", 4096)) }},
	{name: "fields without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 OK\r\n"); c.flood("X-Field: x\r\n") }},
	{name: "a name without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 OK\r\n"); c.flood(strings.Repeat("x", 4096)) }},
	{name: "a status line without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 "); c.flood(strings.Repeat("x", 4096)) }},
	{name: "folded lines without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 OK\r\nX: x\r\n"); c.flood(" x\r\n") }},
	{name: "empty lines without end", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.flood("\r\n\r\n\r\n\r\n") }},
	{name: "a thousand fields", onRequest: respond(answer(hostile, many(1000)...))},
	{name: "10,000 fields", want: "ConnectionFailed", onRequest: respondAndDrain(answer(hostile, many(10000)...))},
	{name: "a header of 60 KiB", onRequest: respond(answer(hostile, "X: "+strings.Repeat("x", 60<<10)))},
	{name: "a header of 65 KiB", want: "ConnectionFailed", onRequest: respondAndDrain(answer(hostile, "X: "+strings.Repeat("x", 65<<10)))},
	{name: "a cookie", onRequest: respond(answer(hostile, "Set-Cookie: session=hostile; Path=/; Max-Age=9999999", "Set-Cookie2: x=y"))},
	{name: "a field without a colon", want: "ConnectionFailed", onRequest: respondAndDrain(answer(hostile, "no colon"))},
	{name: "a field without a name", want: "ConnectionFailed", onRequest: respondAndDrain(answer(hostile, ": x"))},
	{name: "a space before the colon", onRequest: respond(answer(hostile, "X : x"))},
	{name: "a NUL in a field", want: "ConnectionFailed|", onRequest: respondAndDrain(answer(hostile, "X: a\x00b"))},
	{name: "a field that begins with a space", want: "ConnectionFailed", onRequest: respondAndDrain("HTTP/1.1 200 OK\r\n X: x\r\n", length, "\r\n\r\n", hostile)},
	{name: "a folded field", onRequest: respond(answer(hostile, "X: a\r\n b"))},
	{name: "lines that end in LF alone", onRequest: respond(strings.ReplaceAll(head(ok, length), "\r\n", "\n"), hostile)},
	{name: "lines that end in CR alone", slow: true, want: "Timeout", onRequest: respondAndHang(strings.ReplaceAll(head(ok, length), "\r\n", "\r"), hostile)},
	{name: "keep-alive without end", onRequest: respond(answer(hostile, "Connection: keep-alive", "Keep-Alive: timeout=999999999, max=999999999"))},
	{name: "a close without a close", onRequest: respond(answer(hostile, "Connection: close"))},
	{name: "a link to preload", onRequest: func(c *serverConn) {
		c.send(answer(hostile, "Link: <"+c.otherURL+">; rel=preload", "Alt-Svc: h2=\""+c.otherURL+"\""))
	}},
}

// protocols are answers in other protocols than HTTP/1.1.
var protocols = []attack{
	{name: "HTTP/0.9", want: "ConnectionFailed", onRequest: respondAndClose(hostile)},
	{name: "HTTP/0.9 with a status line", onRequest: respondAndClose("HTTP/0.9 200 OK\r\n\r\n", hostile)},
	{name: "HTTP/1.0", onRequest: respondAndClose("HTTP/1.0 200 OK\r\n\r\n", hostile)},
	{name: "HTTP/1.0 with chunks", want: "UnreadableAnswer", onRequest: respondAndClose("HTTP/1.0 200 OK\r\n", chunked, "\r\n\r\n", chunk(hostile), "0\r\n\r\n")},
	{name: "HTTP/2.0 as text", onRequest: respondAndClose("HTTP/2.0 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "HTTP/9.9", onRequest: respondAndClose("HTTP/9.9 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "HTTP/1.12", want: "ConnectionFailed", onRequest: respondAndDrain("HTTP/1.12 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "http in lower case", want: "ConnectionFailed", onRequest: respondAndDrain("http/1.1 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "the preface of HTTP/2", want: "ConnectionFailed", onRequest: respondAndDrain("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	{name: "settings of HTTP/2", want: "ConnectionFailed", onRequest: respondAndDrain("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00\x00\x06\x00\x00\x40\x00\r\n")},
	{name: "a request for an answer", want: "ConnectionFailed", onRequest: respondAndDrain("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")},
	{name: "the request", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send(c.body, "\r\n"); c.drain() }},
	{name: "SSH", want: "ConnectionFailed", onRequest: respondAndDrain("SSH-2.0-OpenSSH_9.6\r\n")},
	{name: "SMTP", want: "ConnectionFailed", onRequest: respondAndDrain("220 mail.example ESMTP\r\n")},
	{name: "ICY", want: "ConnectionFailed", onRequest: respondAndDrain("ICY 200 OK\r\n\r\n", hostile)},
	{name: "a TLS alert", want: "ConnectionFailed", onRequest: respondAndClose("\x15\x03\x01\x00\x02\x02\x28")},
	{name: "noise", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.flood("\x00\x01\xfe\xff\x7f\x80") }},
	{name: "a space before the answer", want: "ConnectionFailed", onRequest: respondAndDrain(" ", answer(hostile))},
	{name: "an empty line before the answer", want: "ConnectionFailed", onRequest: respondAndDrain("\r\n", answer(hostile))},
}

func many(n int) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("X-%d: x", i)
	}
	return fields
}
