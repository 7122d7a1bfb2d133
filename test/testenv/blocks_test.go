package testenv

import (
	"slices"
	"testing"
)

func TestParseBlocks(t *testing.T) {
	page := "# Page\n```sh\na\n```\n## One\ntext\n```console\n$ b\nout\n\nmore\n$ c\n```\n- list\n\n  ```sh\n  d <<END\n    x\n  END\n  ```\n"
	want := []Block{
		{"sh", "", "a\n"},
		{"console", "One", "$ b\nout\n\nmore\n$ c\n"},
		{"sh", "One", "d <<END\n  x\nEND\n"},
	}
	got := parseBlocks(page)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	shown := []Shown{{"b", "out\n\nmore\n"}, {"c", ""}}
	if !slices.Equal(got[1].Shown(), shown) {
		t.Errorf("got %q, want %q", got[1].Shown(), shown)
	}
}
