package hostile

import (
	"bytes"
	"compress/gzip"
	"strings"
)

// Bodies of an orderly HTTP 200. What is not beyond doubt is unreadable, and may have been applied.
var bodies = append(unreadableBodies(map[string]string{
	"nothing":                             "",
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
	"a guard against hijacking":           ")]}',\n" + hostile,
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
	"two answers, a line each":            hostile + "\n" + refusal,
	"garbage after the answer":            hostile + "</html>",
	"a comma after the answer":            hostile + ",",
	"a comment":                           `{"status":"success","code":200/* fine */}`,
	"single quotes":                       `{'status':'success','code':200}`,
	"no quotes":                           `{status:"success",code:200}`,
	"a cut answer":                        hostile[:len(hostile)-1],
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
	"the code nearly right":               `{"status":"success","code":200.0000000000000000001}`,
	"the code with an exponent":           `{"status":"success","code":2e2}`,
	"the code with a zero before":         `{"status":"success","code":0200}`,
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
	"deep nesting without end":            strings.Repeat(`[`, 64<<10),
	"64 KiB and a byte more":              padded(most + 1),
	"10 MiB":                              padded(10 << 20),
	"10 MiB of a string":                  `{"status":"success","code":200,"message":"` + strings.Repeat("x", 10<<20) + `"}`,
	"gzip":                                zipped(hostile),
	"the request itself in the answer":    `{"status":"success","code":200,"userId":"` + userID + `","token":"` + token,
}), []attack{
	{name: "64 KiB exactly", serve: says(answer(padded(most)))},
	{name: "white space around", serve: says(answer(" \r\n\t" + hostile + "\n\n"))},
	{name: "escapes in keys and values", serve: says(answer(`{"st\u0061tus":"succe\u0073s","code":200,"message":"hos\u0074ile"}`))},
	{name: "many other members", serve: says(answer(`{"code":200,"status":"success","x":[1.5e300,-0,null,{"code":1505,"status":"error"}],"":"","message":"hostile"}`))},
	{name: "a content type that lies", serve: says(answer(hostile, "Content-Type: text/html; charset=utf-16"))},
	{name: "nested 9000 deep", serve: says(answer(`{"status":"success","code":200,"message":"hostile","x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`))},
	{name: "a refusal", serve: says(answer(refusal)), want: "InvalidGroupData", class: "Rejected", certain: true},
	{name: "a refusal of the account", serve: says(answer(`{"status":"error","code":1014}`)), want: "InvalidToken", class: "Denied", certain: true},
	{name: "an error that passes", serve: says(answer(`{"status":"error","code":1501}`)), want: "DataAlreadyInProcessing"},
	{name: "a negative code", serve: says(answer(`{"status":"error","code":-1505}`)), want: "UnknownCode"},
	{name: "the least code", serve: says(answer(`{"status":"error","code":-2147483648}`)), want: "UnknownCode"},
	{name: "the code 0", serve: says(answer(`{"status":"error","code":0}`)), want: "UnknownCode"},
	{name: "an error whose message is an object", serve: says(answer(`{"status":"error","code":1505,"message":{"x":1}}`)), want: "InvalidGroupData", class: "Rejected", certain: true},
	{name: "an error that quotes the request", want: "UnknownCode", serve: func(v *visit) {
		v.say(answer(`{"status":"error","code":4711,"message":` + quoted(v.body) + `}`))
	}},
	{name: "an unreadable answer that quotes the request", want: "UnreadableAnswer", serve: func(v *visit) { v.say(answer(v.body)) }},
}...)

func unreadableBodies(bodies map[string]string) []attack {
	attacks := make([]attack, 0, len(bodies))
	for name, body := range bodies {
		attacks = append(attacks, attack{name: name, serve: says(answer(body)), want: "UnreadableAnswer"})
	}
	return attacks
}

// padded is a success of this size.
func padded(size int) string { return hostile + strings.Repeat(" ", size-len(hostile)) }

func zipped(text string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	return out.String()
}
