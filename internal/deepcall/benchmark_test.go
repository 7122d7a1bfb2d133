package deepcall

import (
	"fmt"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	cred := credentials(b, "userId", "1001", "token", "s3cr3t")
	for _, n := range []int{3, 500} {
		request := Request{AgentID: "7", Groups: map[string]bool{}}
		for group := range n {
			request.Groups[fmt.Sprint(1000+group)] = group%2 == 0
		}
		b.Run(fmt.Sprintf("groups=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				encode(cred, request)
			}
		})
	}
}

func BenchmarkParseReply(b *testing.B) {
	raw := []byte(`{"status":"success","code":200,"message":"Agent group mapping updated successfully"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseReply(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	cred := credentials(b, "userId", "1001", "token", "s3cr3t")
	b.ReportAllocs()
	for b.Loop() {
		cred.redact("Agent group mapping updated successfully")
	}
}
