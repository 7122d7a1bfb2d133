package hostile

import (
	"bytes"
	"compress/gzip"
	"strings"
)

// bodies are bodies of a well-formed HTTP 200. An ambiguous body is unreadable, and the request can have been applied.
var bodies = append(unreadableBodies(map[string]string{
	"empty":                               "",
	"white space":                         " \r\n\t",
	"NUL bytes":                           strings.Repeat("\x00", 64),
	"a NUL byte after the answer":         hostile + "\x00",
	"a byte order mark":                   "\xef\xbb\xbf" + hostile,
	"UTF-16":                              "\xff\xfe" + strings.Join(strings.Split(hostile, ""), "\x00") + "\x00",
	"invalid UTF-8 in the message":        `{"status":"success","code":200,"message":"` + "\xc3\x28" + `"}`,
	"invalid UTF-8 in another member":     `{"status":"success","code":200,"x":"` + "\xed\xa0\x80" + `"}`,
	"a proxy's page":                      "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Success 200</body></html>",
	"a script":                            `callback({"status":"success","code":200})`,
	"a form":                              "status=success&code=200",
	"XML":                                 `<?xml version="1.0"?><response><status>success</status><code>200</code></response>`,
	"an anti-hijacking prefix":            ")]}',\n" + hostile,
	"events":                              "data: " + hostile + "\n\n",
	"null":                                "null",
	"a string":                            `"success"`,
	"a number":                            "200",
	"an array":                            "[" + hostile + "]",
	"an empty array":                      "[]",
	"an empty object":                     "{}",
	"the answer within an object":         `{"data":` + hostile + `}`,
	"a string that holds the answer":      `"{\"status\":\"success\",\"code\":200}"`,
	"two answers":                         hostile + hostile,
	"two answers, a line each":            hostile + "\n" + rejection,
	"garbage after the answer":            hostile + "</html>",
	"a comma after the answer":            hostile + ",",
	"a comment":                           `{"status":"success","code":200/* fine */}`,
	"single quotes":                       `{'status':'success','code':200}`,
	"no quotes":                           `{status:"success",code:200}`,
	"a truncated answer":                  hostile[:len(hostile)-1],
	"the code twice":                      `{"status":"success","code":1505,"code":200}`,
	"the status twice":                    `{"status":"error","status":"success","code":200}`,
	"the code twice in two cases":         `{"status":"success","Code":1505,"code":200}`,
	"the code twice, once escaped":        `{"status":"success","\u0063ode":1505,"code":200}`,
	"the status twice, with a long s":     `{"ſtatus":"error","status":"success","code":200}`,
	"the message twice":                   `{"status":"success","code":200,"message":"a","message":"b"}`,
	"keys in capitals":                    `{"STATUS":"success","CODE":200}`,
	"no status":                           `{"code":200}`,
	"no code":                             `{"status":"success"}`,
	"the status null":                     `{"status":null,"code":200}`,
	"the status a boolean":                `{"status":true,"code":200}`,
	"the status in capitals":              `{"status":"Success","code":200}`,
	"the status with a space":             `{"status":" success","code":200}`,
	"the status in other letters":         `{"status":"succеss","code":200}`, // Cyrillic
	"the code null":                       `{"status":"success","code":null}`,
	"the code a string":                   `{"status":"success","code":"200"}`,
	"the code a float":                    `{"status":"success","code":200.0}`,
	"the code with many digits":           `{"status":"success","code":200.0000000000000000001}`,
	"the code with an exponent":           `{"status":"success","code":2e2}`,
	"the code with a leading zero":        `{"status":"success","code":0200}`,
	"the code in hex":                     `{"status":"success","code":0xC8}`,
	"the code over 32 bits":               `{"status":"success","code":4294967496}`,
	"the code over 64 bits":               `{"status":"success","code":18446744073709551816}`,
	"the code an enormous number":         `{"status":"success","code":` + strings.Repeat("9", 50000) + `}`,
	"the code infinite":                   `{"status":"success","code":1e999}`,
	"the code NaN":                        `{"status":"success","code":NaN}`,
	"the code an array":                   `{"status":"success","code":[200]}`,
	"the code an object":                  `{"status":"success","code":{"code":200}}`,
	"a success with an error's code":      `{"status":"success","code":1505}`,
	"a success with the code 0":           `{"status":"success","code":0}`,
	"an error with the code of a success": `{"status":"error","code":200}`,
	"another status":                      `{"status":"pending","code":200}`,
	"deep nesting in arrays":              `{"status":"success","code":200,"x":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`,
	"deep nesting in objects":             `{"status":"success","code":200,"x":` + strings.Repeat(`{"x":`, 10001) + "1" + strings.Repeat("}", 10001) + `}`,
	"deep nesting, truncated":             strings.Repeat(`[`, 64<<10),
	"one byte more than 64 KiB":           padded(maxBody + 1),
	"10 MiB":                              padded(10 << 20),
	"10 MiB of a string":                  `{"status":"success","code":200,"message":"` + strings.Repeat("x", 10<<20) + `"}`,
	"gzip":                                zipped(hostile),
	"the request itself in the answer":    `{"status":"success","code":200,"userId":"` + userID + `","token":"` + token,
}), []attack{
	{name: "64 KiB exactly", onRequest: respond(answer(padded(maxBody)))},
	{name: "white space around", onRequest: respond(answer(" \r\n\t" + hostile + "\n\n"))},
	{name: "escapes in keys and values", onRequest: respond(answer(`{"st\u0061tus":"succe\u0073s","code":200,"message":"hos\u0074ile"}`))},
	{name: "many other members", onRequest: respond(answer(`{"code":200,"status":"success","x":[1.5e300,-0,null,{"code":1505,"status":"error"}],"":"","message":"hostile"}`))},
	{name: "a wrong content type", onRequest: respond(answer(hostile, "Content-Type: text/html; charset=utf-16"))},
	{name: "nested 9000 deep", onRequest: respond(answer(`{"status":"success","code":200,"message":"hostile","x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`))},
	{name: "a rejection", onRequest: respond(answer(rejection)), want: "InvalidGroupData", class: "Rejected", certain: true},
	{name: "a rejection of the account", onRequest: respond(answer(`{"status":"error","code":1014}`)), want: "InvalidToken", class: "Denied", certain: true},
	{name: "a transient error", onRequest: respond(answer(`{"status":"error","code":1501}`)), want: "DataAlreadyInProcessing"},
	{name: "a negative code", onRequest: respond(answer(`{"status":"error","code":-1505}`)), want: "UnknownCode"},
	{name: "the lowest code", onRequest: respond(answer(`{"status":"error","code":-2147483648}`)), want: "UnknownCode"},
	{name: "the code 0", onRequest: respond(answer(`{"status":"error","code":0}`)), want: "UnknownCode"},
	{name: "an error whose message is an object", onRequest: respond(answer(`{"status":"error","code":1505,"message":{"x":1}}`)), want: "InvalidGroupData", class: "Rejected", certain: true},
	{name: "an error that quotes the request", want: "UnknownCode", onRequest: func(c *serverConn) {
		c.send(answer(`{"status":"error","code":4711,"message":` + quoted(c.body) + `}`))
	}},
	{name: "an unreadable answer that quotes the request", want: "UnreadableAnswer", onRequest: func(c *serverConn) { c.send(answer(c.body)) }},
}...)

func unreadableBodies(bodies map[string]string) []attack {
	attacks := make([]attack, 0, len(bodies))
	for name, body := range bodies {
		attacks = append(attacks, attack{name: name, onRequest: respond(answer(body)), want: "UnreadableAnswer"})
	}
	return attacks
}

// padded returns a success of the size.
func padded(size int) string { return hostile + strings.Repeat(" ", size-len(hostile)) }

func zipped(text string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	return out.String()
}
