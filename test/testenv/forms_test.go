package testenv

import (
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
)

// A form that is some other form, or no text at all, would find nothing of its own, or everything.
func TestFormsAreLongAndFoundInWhatTheyAreMadeFor(t *testing.T) {
	canary := Canary("CanaryOfAThousandLetters")
	forms := Forms(canary)
	for name, form := range forms {
		if len(form) < 11 {
			t.Errorf("%s is only %q", name, form)
		}
		if found := Reveals("before "+form+" after", canary); !slices.Contains(found, name) {
			t.Errorf("%s is not found, but %v", name, found)
		}
	}
	if found := Reveals("some other text, of CanaryOfA short end", canary); len(found) > 0 {
		t.Errorf("nothing of it is there, and yet %v is found", found)
	}
}

func TestADumpShowsItsText(t *testing.T) {
	canary := Canary("CanaryOfAThousandLetters")
	dump := hex.Dump([]byte("some bytes and " + canary))
	if found := Reveals(dump, canary); !slices.Contains(found, "its beginning") {
		t.Errorf("found %v in\n%s", found, dump)
	}
	if found := Reveals(fmt.Sprintf("%d", []byte(canary)), canary); !slices.Contains(found, "as a list of numbers") {
		t.Errorf("found %v in a list of numbers", found)
	}
}
