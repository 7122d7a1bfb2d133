package deepcall

import (
	"fmt"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	cred, err := ParseCredentials(map[string][]byte{"userId": []byte("1001"), "token": []byte("s3cr3t")})
	if err != nil {
		b.Fatal(err)
	}
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
	cred, err := ParseCredentials(map[string][]byte{"userId": []byte("1001"), "token": []byte("s3cr3t")})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		cred.redact("Agent group mapping updated successfully")
	}
}
