package hostile

import (
	"fmt"
	"strings"
)

// Headers that are too much, or that are none.
var headers = []attack{
	{name: "a header without end", want: "ConnectionFailed", serve: func(v *visit) { v.say("HTTP/1.1 200 OK\r\nX: "); v.flood(strings.Repeat("x", 4096)) }},
	{name: "fields without end", want: "ConnectionFailed", serve: func(v *visit) { v.say("HTTP/1.1 200 OK\r\n"); v.flood("X-Field: x\r\n") }},
	{name: "a name without end", want: "ConnectionFailed", serve: func(v *visit) { v.say("HTTP/1.1 200 OK\r\n"); v.flood(strings.Repeat("x", 4096)) }},
	{name: "a status line without end", want: "ConnectionFailed", serve: func(v *visit) { v.say("HTTP/1.1 200 "); v.flood(strings.Repeat("x", 4096)) }},
	{name: "folded lines without end", want: "ConnectionFailed", serve: func(v *visit) { v.say("HTTP/1.1 200 OK\r\nX: x\r\n"); v.flood(" x\r\n") }},
	{name: "empty lines without end", want: "ConnectionFailed", serve: func(v *visit) { v.flood("\r\n\r\n\r\n\r\n") }},
	{name: "a thousand fields", serve: says(answer(hostile, many(1000)...))},
	{name: "10,000 fields", want: "ConnectionFailed", serve: saysAndDrains(answer(hostile, many(10000)...))},
	{name: "a header of 60 KiB", serve: says(answer(hostile, "X: "+strings.Repeat("x", 60<<10)))},
	{name: "a header of 65 KiB", want: "ConnectionFailed", serve: saysAndDrains(answer(hostile, "X: "+strings.Repeat("x", 65<<10)))},
	{name: "a cookie", serve: says(answer(hostile, "Set-Cookie: session=hostile; Path=/; Max-Age=9999999", "Set-Cookie2: x=y"))},
	{name: "a field without a colon", want: "ConnectionFailed", serve: saysAndDrains(answer(hostile, "no colon"))},
	{name: "a field without a name", want: "ConnectionFailed", serve: saysAndDrains(answer(hostile, ": x"))},
	{name: "a space before the colon", serve: says(answer(hostile, "X : x"))},
	{name: "a NUL in a field", want: "ConnectionFailed|", serve: saysAndDrains(answer(hostile, "X: a\x00b"))},
	{name: "a field that begins with a space", want: "ConnectionFailed", serve: saysAndDrains("HTTP/1.1 200 OK\r\n X: x\r\n", length, "\r\n\r\n", hostile)},
	{name: "a folded field", serve: says(answer(hostile, "X: a\r\n b"))},
	{name: "lines that end in LF alone", serve: says(strings.ReplaceAll(head(ok, length), "\r\n", "\n"), hostile)},
	{name: "lines that end in CR alone", slow: true, want: "Timeout", serve: saysAndHangs(strings.ReplaceAll(head(ok, length), "\r\n", "\r"), hostile)},
	{name: "keep-alive for ever", serve: says(answer(hostile, "Connection: keep-alive", "Keep-Alive: timeout=999999999, max=999999999"))},
	{name: "a close that is not meant", serve: says(answer(hostile, "Connection: close"))},
	{name: "a link to preload", serve: func(v *visit) {
		v.say(answer(hostile, "Link: <"+v.elsewhere+">; rel=preload", "Alt-Svc: h2=\""+v.elsewhere+"\""))
	}},
}

// Protocols that are not HTTP/1.1.
var protocols = []attack{
	{name: "HTTP/0.9", want: "ConnectionFailed", serve: saysAndCloses(hostile)},
	{name: "HTTP/0.9 with a status in words", serve: saysAndCloses("HTTP/0.9 200 OK\r\n\r\n", hostile)},
	{name: "HTTP/1.0", serve: saysAndCloses("HTTP/1.0 200 OK\r\n\r\n", hostile)},
	{name: "HTTP/1.0 with chunks", want: "UnreadableAnswer", serve: saysAndCloses("HTTP/1.0 200 OK\r\n", chunked, "\r\n\r\n", chunk(hostile), "0\r\n\r\n")},
	{name: "HTTP/2.0 in words", serve: saysAndCloses("HTTP/2.0 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "HTTP/9.9", serve: saysAndCloses("HTTP/9.9 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "HTTP/1.12", want: "ConnectionFailed", serve: saysAndDrains("HTTP/1.12 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "http in small letters", want: "ConnectionFailed", serve: saysAndDrains("http/1.1 200 OK\r\n", length, "\r\n\r\n", hostile)},
	{name: "the preface of HTTP/2", want: "ConnectionFailed", serve: saysAndDrains("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	{name: "settings of HTTP/2", want: "ConnectionFailed", serve: saysAndDrains("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00\x00\x06\x00\x00\x40\x00\r\n")},
	{name: "a request for an answer", want: "ConnectionFailed", serve: saysAndDrains("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")},
	{name: "the request sent back", want: "ConnectionFailed", serve: func(v *visit) { v.say(v.body, "\r\n"); v.drain() }},
	{name: "SSH", want: "ConnectionFailed", serve: saysAndDrains("SSH-2.0-OpenSSH_9.6\r\n")},
	{name: "SMTP", want: "ConnectionFailed", serve: saysAndDrains("220 mail.example ESMTP\r\n")},
	{name: "ICY", want: "ConnectionFailed", serve: saysAndDrains("ICY 200 OK\r\n\r\n", hostile)},
	{name: "a TLS alert", want: "ConnectionFailed", serve: saysAndCloses("\x15\x03\x01\x00\x02\x02\x28")},
	{name: "noise", want: "ConnectionFailed", serve: func(v *visit) { v.flood("\x00\x01\xfe\xff\x7f\x80") }},
	{name: "a space before the answer", want: "ConnectionFailed", serve: saysAndDrains(" ", answer(hostile))},
	{name: "an empty line before the answer", want: "ConnectionFailed", serve: saysAndDrains("\r\n", answer(hostile))},
}

func many(n int) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf("X-%d: x", i)
	}
	return fields
}
