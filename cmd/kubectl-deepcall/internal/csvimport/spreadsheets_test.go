package csvimport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata/README.md describes how the files were made.
func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReadAcceptsFilesOfSpreadsheets(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.*")
	if err != nil || len(paths) < 15 {
		t.Fatalf("got %d files and %v", len(paths), err)
	}
	for _, path := range paths {
		if name := filepath.Base(path); strings.HasPrefix(name, "booleans") || strings.HasPrefix(name, "reformatted") {
			continue // tested below
		}
		t.Run(path, func(t *testing.T) {
			got, problems := convert(readFile(t, path), acme)
			if want := "agent-7=7: 90+ 91-; agent-10=10: 9+ 90+"; len(problems) > 0 || format(got) != want {
				t.Errorf("got %s and %v, want %s", format(got), problems, want)
			}
		})
	}
}

// The agents of the file are locales, and each has the groups true and false.
func TestReadAcceptsTrueAndFalseInOtherLanguages(t *testing.T) {
	mappings, problems := convert(readFile(t, "testdata/libreoffice/booleans.csv"), acme)
	if len(problems) > 0 || len(mappings) < 30 {
		t.Fatalf("got %d mappings and %v", len(mappings), problems)
	}
	for _, m := range mappings {
		if groups := m.Spec.Groups; len(groups) != 2 || groups[0].ReceiveCall || !groups[1].ReceiveCall {
			t.Errorf("%s: got %+v", m.Spec.AgentID, groups)
		}
	}
}

// The IDs of reformatted.csv were entered in LibreOffice with two locales. The other files are what it saved.
func TestFindOriginalOfIDsSavedByLibreOffice(t *testing.T) {
	lines := func(name, separator string) (cells [][]string) {
		for line := range strings.Lines(string(readFile(t, "testdata/libreoffice/"+name))) {
			line = strings.ReplaceAll(strings.TrimSpace(line), `"1,001"`, "1.001") // a comma is not part of an ID
			cells = append(cells, strings.Split(line, separator))
		}
		return cells
	}
	entered := lines("reformatted.csv", ",")
	for _, name := range []string{"reformatted-de-DE.csv", "reformatted-en-US.csv"} {
		changed := 0
		for i, saved := range lines(name, ";") {
			for j, id := range saved[:2] {
				original := entered[i][j]
				if id == original || i == 0 {
					continue
				}
				changed++
				index := idIndex{}
				index.add(original)
				if got := index.find(id); got != original {
					t.Errorf("%s: %q: got %q, want %q", name, id, got, original)
				}
			}
		}
		if changed < 4 {
			t.Errorf("%s: %d IDs were changed", name, changed)
		}
	}
}
