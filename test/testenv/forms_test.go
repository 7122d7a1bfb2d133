package testenv

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A short encoding would match unrelated text.
func TestForms(t *testing.T) {
	canary := Canary("CanaryOfAThousandLetters")
	forms := Forms(canary)
	for name, form := range forms {
		if len(form) < 11 {
			t.Errorf("%s is too short: %q", name, form)
		}
		if found := Reveals("before "+form+" after", canary); !slices.Contains(found, name) {
			t.Errorf("got %[2]v, want %[1]s", name, found)
		}
	}
	if found := Reveals("some other text, of CanaryOfA short end", canary); len(found) > 0 {
		t.Errorf("got %v, want no encodings", found)
	}
}

func TestRevealsFindsDumps(t *testing.T) {
	canary := Canary("CanaryOfAThousandLetters")
	dump := hex.Dump([]byte("some bytes and " + canary))
	if found := Reveals(dump, canary); !slices.Contains(found, "prefix") {
		t.Errorf("got %v, want prefix in\n%s", found, dump)
	}
	for shift := range dumpGroup {
		text := strings.Repeat(" ", shift)
		if found := Reveals(hex.Dump([]byte(text+canary)), canary); !slices.ContainsFunc(found, isDumpForm) {
			t.Errorf("shifted by %d: got %v, want a hex dump", shift, found)
		}
		if found := Reveals(hex.Dump([]byte(text+"InvalidToken")), Canary("n3xtTokenOfThisTest1")); len(found) > 0 {
			t.Errorf("shifted by %d: got %v, want no encodings", shift, found)
		}
	}
	if found := Reveals(fmt.Sprintf("%d", []byte(canary)), canary); !slices.Contains(found, "list of bytes") {
		t.Errorf("got %v, want list of bytes", found)
	}
}

func isDumpForm(form string) bool { return strings.HasPrefix(form, "hex dump") }
