package command

import (
	"os"
	"strings"
	"testing"
)

func TestProgressRewritesTheLineOnATerminal(t *testing.T) {
	var out strings.Builder
	p := progress{out: &out, total: 3, terminal: true}
	for range 3 {
		p.clear()
		p.step()
	}
	p.clear()
	if want := "\r\x1b[K1 of 3\r\x1b[K2 of 3\r\x1b[K\r\x1b[K"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestProgressPrintsALinePerHundredSteps(t *testing.T) {
	var out strings.Builder
	p := progress{out: &out, total: 300}
	for range 300 {
		p.clear()
		p.step()
	}
	if want := "100 of 300\n200 of 300\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(&strings.Builder{}) {
		t.Error("a file or a buffer is reported as a terminal")
	}
}
