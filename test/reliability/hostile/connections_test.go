package hostile

import "strings"

// connections are attacks that end the connection, or don't, at any stage.
var connections = []attack{
	{name: "closed before the request is read", want: "ConnectionFailed", incomplete: true, onConnect: func(c *serverConn) { _, _ = c.in.Peek(1); c.close() }},
	{name: "reset before the request is read", want: "ConnectionFailed", incomplete: true, onConnect: func(c *serverConn) { _, _ = c.in.Peek(1); c.reset() }},
	{name: "closed within the request", want: "ConnectionFailed", incomplete: true, large: true, onConnect: func(c *serverConn) { _, _ = c.in.Peek(4000); c.reset() }},
	{name: "the request never read", slow: true, want: "Timeout", incomplete: true, large: true, onConnect: func(c *serverConn) { c.hang() }},
	{name: "closed instead of an answer", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.close() }},
	{name: "reset instead of an answer", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.reset() }},
	{name: "closed within the status line", want: "ConnectionFailed", onRequest: respondAndClose("HTTP/1.1 20")},
	{name: "closed within the header", want: "ConnectionFailed", onRequest: respondAndClose("HTTP/1.1 200 OK\r\nContent-")},
	{name: "closed before the empty line", want: "ConnectionFailed", onRequest: respondAndClose("HTTP/1.1 200 OK\r\n", length, "\r\n")},
	{name: "reset within the header", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 OK\r\nContent-"); c.reset() }},
	{name: "closed before the body", want: "UnreadableAnswer", onRequest: respondAndClose(head(ok, length))},
	{name: "closed within the body", want: "UnreadableAnswer", onRequest: respondAndClose(head(ok, length), hostile[:20])},
	{name: "closed before the last byte", want: "UnreadableAnswer", onRequest: respondAndClose(head(ok, length), hostile[:len(hostile)-1])},
	{name: "reset within the body", want: "UnreadableAnswer|ConnectionFailed", onRequest: func(c *serverConn) { c.send(head(ok, length), hostile[:20]); c.reset() }},
	{name: "closed after the answer", onRequest: respondAndClose(answer(hostile))},
	{name: "closed after a rejection", want: "InvalidGroupData", class: "Rejected", certain: true, onRequest: respondAndClose(answer(rejection))},
	{name: "half closed, then silence", want: "ConnectionFailed", onRequest: func(c *serverConn) { c.close() }},

	{name: "silence", slow: true, want: "Timeout", onRequest: func(c *serverConn) { c.hang() }},
	{name: "silence within the header", slow: true, want: "Timeout", onRequest: respondAndHang("HTTP/1.1 200 OK\r\nContent-")},
	{name: "silence before the body", slow: true, want: "Timeout", onRequest: respondAndHang(head(ok, length))},
	{name: "silence before the last byte", slow: true, want: "Timeout", onRequest: respondAndHang(head(ok, length), hostile[:len(hostile)-1])},
	{name: "a header byte by byte", slow: true, want: "Timeout", onRequest: func(c *serverConn) { c.send("HTTP/1.1 200 OK\r\n"); c.drip("X-Wait: a while\r\n") }},
	{name: "a body byte by byte", slow: true, want: "Timeout", onRequest: func(c *serverConn) { c.send(head(ok, "Content-Length: 65000")); c.drip(" ") }},
	{name: "chunks byte by byte", slow: true, want: "Timeout", onRequest: func(c *serverConn) { c.send(head(ok, chunked)); c.drip("1\r\n \r\n") }},
	{name: "hints byte by byte", slow: true, want: "Timeout", onRequest: func(c *serverConn) { c.drip(head("103 Early Hints")) }},

	// By default net/http logs such data, which can quote an earlier request.
	{name: "an answer at once", want: "|ConnectionFailed", eitherCertainty: true, incomplete: true, onConnect: func(c *serverConn) { c.send(answer(hostile)); c.drain() }},
	{name: "data at once", want: "ConnectionFailed", eitherCertainty: true, incomplete: true, onConnect: func(c *serverConn) { c.send(token, "\r\n\r\n"); c.drain() }},
	{name: "an answer before the request is read", want: "|ConnectionFailed", incomplete: true, onConnect: func(c *serverConn) { _, _ = c.in.Peek(1); c.send(answer(hostile)); c.close() }},
	{name: "a rejection before the request is read", want: "InvalidGroupData", class: "Rejected", certain: true, incomplete: true, onConnect: func(c *serverConn) {
		_, _ = c.in.Peek(1)
		c.send(answer(rejection, "Connection: close"))
		c.close()
	}},
	{name: "401 within the request", want: "Unauthorized", class: "Denied", certain: true, incomplete: true, large: true, onConnect: func(c *serverConn) {
		_, _ = c.in.Peek(4000)
		c.send(answerWith("401 x", "", "Connection: close"))
		c.close()
	}},
	{name: "413 within the request", want: "RequestTooLarge", class: "Rejected", certain: true, incomplete: true, large: true, onConnect: func(c *serverConn) {
		_, _ = c.in.Peek(4000)
		c.send(answerWith("413 x", "too large", "Connection: close"))
		c.close()
	}},
	{name: "an answer in many small pieces", onRequest: func(c *serverConn) {
		for _, b := range strings.Split(answer(hostile), "") {
			c.send(b)
		}
	}},
}
