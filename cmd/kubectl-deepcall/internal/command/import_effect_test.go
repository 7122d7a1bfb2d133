package command

import (
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Yes \r\n": true, "\n": false, "n\n": false, "yesterday\n": false} {
		var out strings.Builder
		got, err := ask(strings.NewReader(answer), &out, "Apply it?")
		if got != want || err != nil || out.String() != "Apply it? [y/N] " {
			t.Errorf("%q: got %t, %v and %q", answer, got, err, out.String())
		}
	}
	if _, err := ask(strings.NewReader("y"), &strings.Builder{}, "Apply it?"); err == nil {
		t.Error("want an error at the end of the input")
	}
}
