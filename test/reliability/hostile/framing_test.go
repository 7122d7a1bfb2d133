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

// length is a header field that gives the length of an honest answer.
var length = fmt.Sprintf("Content-Length: %d", len(hostile))

// chunk is one chunk of a chunked body.
func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

const chunked = "Transfer-Encoding: chunked"

// Answers whose length is not what it seems.
var lengths = []attack{
	{name: "a length too long, and silence", slow: true, want: "Timeout", serve: saysAndHangs(head(ok, "Content-Length: 4000"), hostile)},
	{name: "a length too long, and the end", want: "UnreadableAnswer", serve: saysAndCloses(head(ok, "Content-Length: 4000"), hostile)},
	{name: "a length too short", want: "UnreadableAnswer", serve: saysAndDrains(head(ok, "Content-Length: 9"), hostile)},
	{name: "a length of 0 before an answer", want: "UnreadableAnswer", serve: saysAndDrains(head(ok, "Content-Length: 0"), hostile)},
	{name: "a length too short by the white space after", serve: saysAndDrains(head(ok, length), hostile, " \n\n")},
	{name: "a negative length", want: "ConnectionFailed", serve: saysAndDrains(head(ok, "Content-Length: -1"), hostile)},
	{name: "a length that is no number", want: "ConnectionFailed", serve: saysAndDrains(head(ok, "Content-Length: 0x32"), hostile)},
	{name: "an enormous length", want: "ConnectionFailed", serve: saysAndDrains(head(ok, "Content-Length: 99999999999999999999"), hostile)},
	{name: "the longest length", slow: true, want: "Timeout", serve: saysAndHangs(head(ok, "Content-Length: 9223372036854775807"), hostile)},
	{name: "two lengths", want: "ConnectionFailed", serve: saysAndDrains(head(ok, length, "Content-Length: 9"), hostile)},
	{name: "two lengths in one field", want: "ConnectionFailed", serve: saysAndDrains(head(ok, "Content-Length: 50, 9"), hostile)},
	{name: "the same length twice", serve: says(head(ok, length, length), hostile)},
	{name: "no length, and the end", serve: saysAndCloses(head(ok), hostile)},
	{name: "no length, and silence", slow: true, want: "Timeout", serve: saysAndHangs(head(ok), hostile)},
	{name: "no length, and no end", want: "UnreadableAnswer", serve: func(v *visit) { v.say(head(ok)); v.flood(strings.Repeat(" ", 4096)) }},
	{name: "a length and no end", want: "UnreadableAnswer", serve: func(v *visit) {
		v.say(head(ok, "Content-Length: 9000000000"), hostile)
		v.flood(strings.Repeat(" ", 4096))
	}},
	{name: "a second answer behind the first", serve: saysAndDrains(answer(hostile), answer(poison))},
	{name: "a second answer behind an error", want: "ServerError", serve: saysAndDrains(answerWith("500 Oops", "oops"), answer(poison))},
	{name: "the request behind the answer", serve: func(v *visit) { v.say(answer(hostile), v.body); v.drain() }},
}

// Chunked answers.
var chunks = []attack{
	{name: "chunks of one byte", serve: func(v *visit) {
		text := ""
		for _, b := range hostile {
			text += chunk(string(b))
		}
		v.say(head(ok, chunked), text, "0\r\n\r\n")
	}},
	{name: "chunks, and a length too", serve: says(head(ok, chunked, "Content-Length: 9"), chunk(hostile), "0\r\n\r\n")},
	{name: "chunks without end", want: "UnreadableAnswer", serve: func(v *visit) { v.say(head(ok, chunked)); v.flood(chunk(strings.Repeat(" ", 1024))) }},
	{name: "chunks of one byte without end", want: "UnreadableAnswer", serve: func(v *visit) { v.say(head(ok, chunked)); v.flood(strings.Repeat(chunk(" "), 512)) }},
	{name: "a chunk cut", want: "UnreadableAnswer", serve: saysAndCloses(head(ok, chunked), "100\r\n", hostile)},
	{name: "chunks cut before the last", want: "UnreadableAnswer", serve: saysAndCloses(head(ok, chunked), chunk(hostile))},
	{name: "chunks, and silence before the last", slow: true, want: "Timeout", serve: saysAndHangs(head(ok, chunked), chunk(hostile))},
	{name: "a chunk's size that is no number", want: "UnreadableAnswer", serve: saysAndDrains(head(ok, chunked), "zz\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a negative chunk", want: "UnreadableAnswer", serve: saysAndDrains(head(ok, chunked), "-1\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a chunk's size over 64 bits", want: "UnreadableAnswer", serve: saysAndDrains(head(ok, chunked), "10000000000000032\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a chunk longer than its size", want: "UnreadableAnswer", serve: saysAndDrains(head(ok, chunked), "9\r\n", hostile, "\r\n0\r\n\r\n")},
	{name: "a chunk's size without end", want: "UnreadableAnswer", serve: func(v *visit) { v.say(head(ok, chunked)); v.flood("0000000000000000") }},
	{name: "a chunk's extension without end", want: "UnreadableAnswer", serve: func(v *visit) { v.say(head(ok, chunked), "1;x="); v.flood("xxxxxxxxxxxxxxxx") }},
	{name: "extensions of every chunk", want: "UnreadableAnswer", serve: func(v *visit) {
		v.say(head(ok, chunked))
		v.flood("1;" + strings.Repeat("x", 2000) + "\r\n \r\n")
	}},
	{name: "a trailer that says otherwise", serve: says(head(ok, chunked, "Trailer: Status"), chunk(hostile), "0\r\nStatus: error\r\n\r\n")},
	{name: "a trailer that gives a length", want: "ConnectionFailed", serve: saysAndDrains(head(ok, chunked, "Trailer: Content-Length"), chunk(hostile), "0\r\nContent-Length: 9\r\n\r\n")},
	{name: "a trailer without end", want: "UnreadableAnswer", serve: func(v *visit) { v.say(head(ok, chunked), chunk(hostile), "0\r\n"); v.flood("X: x\r\n") }},
	{name: "a transfer encoding nobody knows", want: "ConnectionFailed", serve: saysAndDrains(head(ok, "Transfer-Encoding: gzip, chunked"), chunk(hostile), "0\r\n\r\n")},
	{name: "chunked twice", want: "ConnectionFailed", serve: saysAndDrains(head(ok, chunked, chunked), chunk(hostile), "0\r\n\r\n")},
}

// Encodings that were not asked for.
var encodings = []attack{
	{name: "gzip, said so", want: "UnreadableAnswer", serve: says(answer(zipped(hostile), "Content-Encoding: gzip"))},
	{name: "gzip, not true", serve: says(answer(hostile, "Content-Encoding: gzip"))},
	{name: "a gzip bomb of 16 MiB", want: "UnreadableAnswer", serve: says(answer(bomb, "Content-Encoding: gzip"))},
	{name: "a gzip bomb in chunks", want: "UnreadableAnswer", serve: says(head(ok, "Content-Encoding: gzip", chunked), chunk(bomb), "0\r\n\r\n")},
	{name: "brotli, said so", want: "UnreadableAnswer", serve: says(answer("\x0b\x18\x80", "Content-Encoding: br"))},
}

var bomb = zipped(strings.Repeat(" ", 16<<20))

// saysAndDrains serves some text, after which the client should have enough.
func saysAndDrains(text ...string) func(*visit) {
	return func(v *visit) { v.say(strings.Join(text, "")); v.drain() }
}
