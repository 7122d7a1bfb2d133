package hostile

import "strings"

// Connections that end, or don't, at any stage.
var connections = []attack{
	{name: "closed before the request is read", want: "ConnectionFailed", unseen: 1, greet: func(v *visit) { _, _ = v.in.Peek(1); v.close() }},
	{name: "reset before the request is read", want: "ConnectionFailed", unseen: 1, greet: func(v *visit) { _, _ = v.in.Peek(1); v.reset() }},
	{name: "closed within the request", want: "ConnectionFailed", unseen: 1, large: true, greet: func(v *visit) { _, _ = v.in.Peek(4000); v.reset() }},
	{name: "the request never read", slow: true, want: "Timeout", unseen: 1, large: true, greet: func(v *visit) { v.hang() }},
	{name: "closed instead of an answer", want: "ConnectionFailed", serve: func(v *visit) { v.close() }},
	{name: "reset instead of an answer", want: "ConnectionFailed", serve: func(v *visit) { v.reset() }},
	{name: "closed within the status line", want: "ConnectionFailed", serve: saysAndCloses("HTTP/1.1 20")},
	{name: "closed within the header", want: "ConnectionFailed", serve: saysAndCloses("HTTP/1.1 200 OK\r\nContent-")},
	{name: "closed before the empty line", want: "ConnectionFailed", serve: saysAndCloses("HTTP/1.1 200 OK\r\n", length, "\r\n")},
	{name: "reset within the header", want: "ConnectionFailed", serve: func(v *visit) { v.say("HTTP/1.1 200 OK\r\nContent-"); v.reset() }},
	{name: "closed before the body", want: "UnreadableAnswer", serve: saysAndCloses(head(ok, length))},
	{name: "closed within the body", want: "UnreadableAnswer", serve: saysAndCloses(head(ok, length), hostile[:20])},
	{name: "closed before the last byte", want: "UnreadableAnswer", serve: saysAndCloses(head(ok, length), hostile[:len(hostile)-1])},
	{name: "reset within the body", want: "UnreadableAnswer|ConnectionFailed", serve: func(v *visit) { v.say(head(ok, length), hostile[:20]); v.reset() }},
	{name: "closed after the answer", serve: saysAndCloses(answer(hostile))},
	{name: "closed after a refusal", want: "InvalidGroupData", class: "Rejected", certain: true, serve: saysAndCloses(answer(refusal))},
	{name: "half closed, and silence", want: "ConnectionFailed", serve: func(v *visit) { v.close() }},

	{name: "silence", slow: true, want: "Timeout", serve: func(v *visit) { v.hang() }},
	{name: "silence within the header", slow: true, want: "Timeout", serve: saysAndHangs("HTTP/1.1 200 OK\r\nContent-")},
	{name: "silence before the body", slow: true, want: "Timeout", serve: saysAndHangs(head(ok, length))},
	{name: "silence before the last byte", slow: true, want: "Timeout", serve: saysAndHangs(head(ok, length), hostile[:len(hostile)-1])},
	{name: "a header byte by byte", slow: true, want: "Timeout", serve: func(v *visit) { v.say("HTTP/1.1 200 OK\r\n"); v.drip("X-Wait: a while\r\n") }},
	{name: "a body byte by byte", slow: true, want: "Timeout", serve: func(v *visit) { v.say(head(ok, "Content-Length: 65000")); v.drip(" ") }},
	{name: "chunks byte by byte", slow: true, want: "Timeout", serve: func(v *visit) { v.say(head(ok, chunked)); v.drip("1\r\n \r\n") }},
	{name: "hints byte by byte", slow: true, want: "Timeout", serve: func(v *visit) { v.drip(head("103 Early Hints")) }},

	{name: "an answer before the request was read", want: "|ConnectionFailed", unseen: 1, greet: func(v *visit) { _, _ = v.in.Peek(1); v.say(answer(hostile)); v.close() }},
	{name: "a refusal before the request was read", want: "InvalidGroupData", class: "Rejected", certain: true, unseen: 1, greet: func(v *visit) {
		_, _ = v.in.Peek(1)
		v.say(answer(refusal, "Connection: close"))
		v.close()
	}},
	{name: "401 amid the request", want: "Unauthorized", class: "Denied", certain: true, unseen: 1, large: true, greet: func(v *visit) {
		_, _ = v.in.Peek(4000)
		v.say(answerWith("401 x", "", "Connection: close"))
		v.close()
	}},
	{name: "413 amid the request", want: "UnexpectedStatus", unseen: 1, large: true, greet: func(v *visit) {
		_, _ = v.in.Peek(4000)
		v.say(answerWith("413 x", "too large", "Connection: close"))
		v.close()
	}},
	{name: "an answer in many small pieces", serve: func(v *visit) {
		for _, b := range strings.Split(answer(hostile), "") {
			v.say(b)
		}
	}},
}
