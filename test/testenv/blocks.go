package testenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Block is a fenced code block of a Markdown page.
type Block struct {
	// Language is the info string of the fence: sh for commands, console for commands with their output.
	Language string
	// Section is the second-level heading above the block.
	Section string
	Text    string
}

// Shown is a command of a console block and its output.
type Shown struct{ Command, Output string }

// Blocks returns the code blocks of a page of the repository that have one of the languages.
func Blocks(tb testing.TB, page string, languages ...string) []Block {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(Root(), page))
	if err != nil {
		tb.Fatal(err)
	}
	var blocks []Block
	for _, block := range parseBlocks(string(content)) {
		if slices.Contains(languages, block.Language) {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// parseBlocks returns all fenced code blocks, including indented ones in lists.
func parseBlocks(page string) []Block {
	var blocks []Block
	var section, indent string
	inside := false
	for line := range strings.Lines(page) {
		fence, language, fenced := strings.Cut(strings.TrimRight(line, "\n"), "```")
		fenced = fenced && strings.TrimSpace(fence) == ""
		switch {
		case fenced && inside:
			inside = false
		case fenced:
			inside, indent = true, fence
			blocks = append(blocks, Block{Language: language, Section: section})
		case inside:
			blocks[len(blocks)-1].Text += strings.TrimPrefix(line, indent)
		case strings.HasPrefix(line, "## "):
			section = strings.TrimSpace(line[3:])
		}
	}
	return blocks
}

// Shown returns the commands of a console block, which start with a dollar sign, and their output.
func (b Block) Shown() []Shown {
	var all []Shown
	for line := range strings.Lines(b.Text) {
		if command, found := strings.CutPrefix(line, "$ "); found {
			all = append(all, Shown{Command: strings.TrimSuffix(command, "\n")})
		} else if len(all) > 0 {
			all[len(all)-1].Output += line
		}
	}
	return all
}
