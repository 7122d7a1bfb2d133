package account

import "testing"

func TestHashData(t *testing.T) {
	data := func(pairs ...string) map[string][]byte {
		data := map[string][]byte{}
		for i := 0; i < len(pairs); i += 2 {
			data[pairs[i]] = []byte(pairs[i+1])
		}
		return data
	}
	hash := hashData(data("userId", "1001", "token", "s3cr3t"))
	if hashData(data("token", "s3cr3t", "userId", "1001")) != hash {
		t.Error("the hash depends on the order of the keys")
	}
	for name, other := range map[string]map[string][]byte{
		"another value":    data("userId", "1001", "token", "other"),
		"another key":      data("userId", "1001", "token", "s3cr3t", "note", "x"),
		"an empty key":     data("userId", "1001", "token", "s3cr3t", "note", ""),
		"swapped values":   data("userId", "s3cr3t", "token", "1001"),
		"no data":          nil,
		"moved separators": data("token", `s3cr3t" "userId"="1001`),
	} {
		if hashData(other) == hash {
			t.Errorf("%s has the same hash", name)
		}
	}
}
