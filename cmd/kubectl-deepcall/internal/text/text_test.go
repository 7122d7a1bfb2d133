package text

import (
	"strings"
	"testing"
)

func TestWriteTableAlignsColumnsAndRemovesControlCharacters(t *testing.T) {
	var out strings.Builder
	if err := WriteTable(&out, [][]string{{"A", "LONGER", ""}, {"a\tb\nc", "\x1b[2Jx", ""}}); err != nil {
		t.Fatal(err)
	}
	if want := "A       LONGER\na b c   [2Jx\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestGroups(t *testing.T) {
	for want, got := range map[string]string{
		"group 90":                 Groups([]string{"90"}, 2),
		"groups 90, 91":            Groups([]string{"90", "91"}, 2),
		"groups 90, 91 and 2 more": Groups([]string{"90", "91", "92", "93"}, 2),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
