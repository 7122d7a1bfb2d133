package main

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// The dimensions of the terminal, in characters and pixels.
const (
	columns, rows         = 110, 26
	charWidth, lineHeight = 7.8, 18
	padding               = 14
	// finalPause is how long the end stays before the recording begins again.
	finalPause = 6 * time.Second
)

// draw returns the SVG. All lines stand below each other. An animation moves them up so that the latest line is visible, and
// a rectangle covers the lines that have not appeared yet. Without animations, the end is visible.
func draw(lines []line) string {
	total := lines[len(lines)-1].at + finalPause
	var texts, scroll, cover strings.Builder
	for i, l := range lines {
		fmt.Fprintf(&texts, `<text y="%d"%s>%s</text>`+"\n", (i+1)*lineHeight, style(l.text), html.EscapeString(cut(l.text)))
		share := 100 * l.at.Seconds() / total.Seconds()
		fmt.Fprintf(&scroll, "%.2f%%{transform:translateY(%dpx)}", share, offset(i+1))
		fmt.Fprintf(&cover, "%.2f%%{transform:translateY(%dpx)}", share, (i+1)*lineHeight)
	}
	height := rows*lineHeight + 2*padding
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="Recording of a terminal">
<style>
text{font:13px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6dbe3;white-space:pre}
.command{fill:#ffffff;font-weight:bold}.title{fill:#8fb8ff}.deepcall{fill:#a5d6a7}
.scroll{transform:translateY(%[3]dpx);animation:scroll %.1[4]fs step-end infinite}
.cover{transform:translateY(%[5]dpx);animation:cover %.1[4]fs step-end infinite}
@keyframes scroll{%[6]s100%%{transform:translateY(%[3]dpx)}}
@keyframes cover{%[7]s100%%{transform:translateY(%[5]dpx)}}
@media (prefers-reduced-motion:reduce){.scroll,.cover{animation:none}}
</style>
<clipPath id="screen"><rect y="%[8]d" width="%[1]d" height="%[9]d"/></clipPath>
<rect width="%[1]d" height="%[2]d" rx="8" fill="#14181f"/>
<g clip-path="url(#screen)"><g class="scroll"><g transform="translate(%[8]d %[10]d)">
%[11]s<rect class="cover" x="-%[8]d" y="6" width="%[1]d" height="%[2]d" fill="#14181f"/>
</g></g></g>
</svg>
`, columns*78/10+2*padding, height, offset(len(lines)), total.Seconds(), len(lines)*lineHeight, scroll.String(), cover.String(),
		padding, rows*lineHeight, padding-4, texts.String())
}

// offset returns how far the lines are moved if n of them are visible or have been.
func offset(n int) int { return -max(0, n-rows) * lineHeight }

// cut shortens a line that is too long for the terminal.
func cut(text string) string {
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return string(runes[:columns-1]) + "…"
}

// style returns the class of a line: a command, a title of a step, or what DeepCall prints.
func style(text string) string {
	switch {
	case strings.HasPrefix(text, "$ "):
		return ` class="command"`
	case isTitle(text):
		return ` class="title"`
	case strings.HasPrefix(text, "  DeepCall "):
		return ` class="deepcall"`
	default:
		return ""
	}
}

func isTitle(text string) bool { return strings.HasPrefix(text, "== ") }
