package testenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Block is a block of code in a page.
type Block struct {
	// Language is what stands behind the fence: sh for commands, console for commands with what they print.
	Language string
	// Section is the last heading of the second level before it.
	Section string
	Text    string
}

// Shown is a command of a console block, and what it prints.
type Shown struct{ Command, Output string }

// Blocks are the blocks of a page of the repository, in one of the languages.
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

// parseBlocks reads fenced blocks, also within lists, where they are indented.
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

// Shown are the commands of a console block; each begins with a dollar sign.
func (b Block) Shown() []Shown {
	var all []Shown
	for line := range strings.Lines(b.Text) {
		if command, is := strings.CutPrefix(line, "$ "); is {
			all = append(all, Shown{Command: strings.TrimSuffix(command, "\n")})
		} else if len(all) > 0 {
			all[len(all)-1].Output += line
		}
	}
	return all
}
