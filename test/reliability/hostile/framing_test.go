package hostile

import (
	"encoding/json"
	"fmt"
	"strings"
)

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

const ok = "200 OK"

// length is the header field with the length of an answer.
var length = fmt.Sprintf("Content-Length: %d", len(hostile))

// chunk returns a chunk of a chunked body.
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

const chunked = "Transfer-Encoding: chunked"

// lengths are answers with a wrong or missing length.
var lengths = []attack{
	{name: "too long, then silence", slow: true, want: "Timeout", onRequest: respondAndHang(head(ok, "Content-Length: 4000"), hostile)},
	{name: "too long, then the end", want: "UnreadableAnswer", onRequest: respondAndClose(head(ok, "Content-Length: 4000"), hostile)},
	{name: "too short", want: "UnreadableAnswer", onRequest: respondAndDrain(head(ok, "Content-Length: 9"), hostile)},
	{name: "0 before an answer", want: "UnreadableAnswer", onRequest: respondAndDrain(head(ok, "Content-Length: 0"), hostile)},
	{name: "too short by trailing white space", onRequest: respondAndDrain(head(ok, length), hostile, " \n\n")},
	{name: "negative", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, "Content-Length: -1"), hostile)},
	{name: "not a number", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, "Content-Length: 0x32"), hostile)},
	{name: "over 64 bits", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, "Content-Length: 99999999999999999999"), hostile)},
	{name: "the highest", slow: true, want: "Timeout", onRequest: respondAndHang(head(ok, "Content-Length: 9223372036854775807"), hostile)},
	{name: "two that differ", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, length, "Content-Length: 9"), hostile)},
	{name: "two in one field", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, "Content-Length: 50, 9"), hostile)},
	{name: "two that are equal", onRequest: respond(head(ok, length, length), hostile)},
	{name: "none, then the end", onRequest: respondAndClose(head(ok), hostile)},
	{name: "none, then silence", slow: true, want: "Timeout", onRequest: respondAndHang(head(ok), hostile)},
	{name: "none, and no end", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(head(ok)); c.flood(strings.Repeat(" ", 4096)) }},
	{name: "without end", want: "UnreadableAnswer", onRequest: func(c *serverConn) {
		c.send(head(ok, "Content-Length: 9000000000"), hostile)
		c.flood(strings.Repeat(" ", 4096))
	}},
	{name: "a second answer behind the first", onRequest: respondAndDrain(answer(hostile), answer(poison))},
	{name: "a second answer behind an error", want: "ServerError", onRequest: respondAndDrain(answerWith("500 Oops", "oops"), answer(poison))},
	{name: "the request behind the answer", onRequest: func(c *serverConn) { c.send(answer(hostile), c.body); c.drain() }},
}

// chunks are chunked answers.
var chunks = []attack{
	{name: "chunks of one byte", onRequest: func(c *serverConn) {
		text := ""
		for _, b := range hostile {
			text += chunk(string(b))
		}
		c.send(head(ok, chunked), text, "0\r\n\r\n")
	}},
	{name: "chunks and a length", onRequest: respond(head(ok, chunked, "Content-Length: 9"), chunk(hostile), "0\r\n\r\n")},
	{name: "chunks without end", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(head(ok, chunked)); c.flood(chunk(strings.Repeat(" ", 1024))) }},
	{name: "chunks of one byte without end", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(head(ok, chunked)); c.flood(strings.Repeat(chunk(" "), 512)) }},
	{name: "a truncated chunk", want: "UnreadableAnswer", onRequest: respondAndClose(head(ok, chunked), "100\r\n", hostile)},
	{name: "chunks without the last", want: "UnreadableAnswer", onRequest: respondAndClose(head(ok, chunked), chunk(hostile))},
	{name: "chunks, then silence before the last", slow: true, want: "Timeout", onRequest: respondAndHang(head(ok, chunked), chunk(hostile))},
	{name: "a chunk's size that is not a number", want: "UnreadableAnswer", onRequest: respondAndDrain(head(ok, chunked), "zz\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a negative chunk", want: "UnreadableAnswer", onRequest: respondAndDrain(head(ok, chunked), "-1\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a chunk's size over 64 bits", want: "UnreadableAnswer", onRequest: respondAndDrain(head(ok, chunked), "10000000000000032\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a chunk longer than its size", want: "UnreadableAnswer", onRequest: respondAndDrain(head(ok, chunked), "9\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a chunk's size without end", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(head(ok, chunked)); c.flood("0000000000000000") }},
	{name: "a chunk's extension without end", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(head(ok, chunked), "1;x="); c.flood("xxxxxxxxxxxxxxxx") }},
	{name: "extensions of every chunk", want: "UnreadableAnswer", onRequest: func(c *serverConn) {
		c.send(head(ok, chunked))
		c.flood("1;" + strings.Repeat("x", 2000) + "\r\n \r\n")
	}},
	{name: "a trailer with another status", onRequest: respond(head(ok, chunked, "Trailer: Status"), chunk(hostile), "0\r\nStatus: error\r\n\r\n")},
	{name: "a trailer with a length", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, chunked, "Trailer: Content-Length"), chunk(hostile), "0\r\nContent-Length: 9\r\n\r\n")},
	{name: "a trailer without end", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(head(ok, chunked), chunk(hostile), "0\r\n"); c.flood("X: x\r\n") }},
	{name: "an unknown transfer encoding", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, "Transfer-Encoding: gzip, chunked"), chunk(hostile), "0\r\n\r\n")},
	{name: "chunked twice", want: "ConnectionFailed", onRequest: respondAndDrain(head(ok, chunked, chunked), chunk(hostile), "0\r\n\r\n")},
}

// encodings are content encodings that the client did not ask for.
var encodings = []attack{
	{name: "gzip", want: "UnreadableAnswer", onRequest: respond(answer(zipped(hostile), "Content-Encoding: gzip"))},
	{name: "gzip in the header only", onRequest: respond(answer(hostile, "Content-Encoding: gzip"))},
	{name: "a gzip bomb of 16 MiB", want: "UnreadableAnswer", onRequest: respond(answer(bomb, "Content-Encoding: gzip"))},
	{name: "a gzip bomb in chunks", want: "UnreadableAnswer", onRequest: respond(head(ok, "Content-Encoding: gzip", chunked), chunk(bomb), "0\r\n\r\n")},
	{name: "brotli", want: "UnreadableAnswer", onRequest: respond(answer("\x0b\x18\x80", "Content-Encoding: br"))},
}

var bomb = zipped(strings.Repeat(" ", 16<<20))
