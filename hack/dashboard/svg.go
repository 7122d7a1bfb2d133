package main

import (
	"fmt"
	"html"
	"strings"
)

// The dimensions of the picture in pixels. At this width, it fits into a page of GitHub without scaling.
const (
	width      = 900
	columns    = 24
	rowHeight  = 24
	gap        = 6
	headHeight = 26
	lineHeight = 14
	// charWidth is the average width of a character relative to the size of the font.
	charWidth = 0.59
)

// box is a rectangle of the picture.
type box struct{ X, Y, W, H float64 }

// inset returns the box without margins.
func (b box) inset(left, top, right, bottom float64) box {
	return box{b.X + left, b.Y + top, b.W - left - right, b.H - top - bottom}
}

// place returns the box of a panel below the head of the picture.
func place(at grid, top float64) box {
	const unit = float64(width-gap) / columns
	return box{
		X: gap + unit*float64(at.X), Y: top + float64(rowHeight*at.Y),
		W: unit*float64(at.W) - gap, H: float64(rowHeight*at.H) - gap,
	}
}

// canvas collects the elements of the picture.
type canvas struct{ strings.Builder }

func (c *canvas) add(format string, args ...any) {
	fmt.Fprintf(c, format+"\n", args...)
}

// text adds a text with a class, whose anchor is start, middle or end.
func (c *canvas) text(x, y float64, class, anchor, text string) {
	c.add(`<text x="%s" y="%s" class="%s" text-anchor="%s">%s</text>`, number(x), number(y), class, anchor, html.EscapeString(text))
}

// title adds the title of a panel, which is condensed if it is too wide.
func (c *canvas) title(text string, at box) {
	const size, bold = 11.5, 1.12
	fit := ""
	if bold*textWidth(text, size) > at.W {
		fit = fmt.Sprintf(` textLength="%s" lengthAdjust="spacingAndGlyphs"`, number(at.W))
	}
	c.add(`<text x="%s" y="%s" class="panel"%s>%s</text>`, number(at.X), number(at.Y+15), fit, html.EscapeString(text))
}

// number returns a coordinate with at most one decimal.
func number(value float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0")
}

// textWidth estimates the width of a text.
func textWidth(text string, size float64) float64 {
	return charWidth * size * float64(len([]rune(text)))
}

// shorten cuts a text that is wider than the given width.
func shorten(text string, size, limit float64) string {
	runes := []rune(text)
	if n := int(limit / (charWidth * size)); len(runes) > n {
		return string(runes[:max(0, n-1)]) + "…"
	}
	return text
}

// wrap breaks a sequence of words into lines of a width.
func wrap(words []string, separator string, size, limit float64) []string {
	var lines []string
	for _, word := range words {
		if n := len(lines) - 1; n >= 0 && textWidth(lines[n]+separator+word, size) <= limit {
			lines[n] += separator + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

const style = `text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;fill:#ccccdc}
.title{font-size:16px;font-weight:600}.row{font-size:13px;font-weight:600}.panel{font-size:11.5px;font-weight:600}.small{font-size:10px;font-weight:600}
.event,.legend{font-size:11px}.axis{font-size:10px;fill:#a3a3b5}.cell{font-size:11.5px}.empty{font-size:12px;fill:#a3a3b5}.value{font-size:26px;font-weight:600}
.frame{fill:#181b1f;stroke:#2c3036}.grid{stroke:#2c3036}.series{fill:none;stroke-width:1.4;stroke-linejoin:round}
`

// draw returns the picture. It has a background of its own, so that it is legible on light and dark pages.
func draw(board dashboard, results recording) string {
	var c canvas
	lines := describe(results.Events)
	top := headHeight + float64(lineHeight*len(lines)) + gap
	c.text(gap+4, 20, "title", "start", board.Title)
	for i, text := range lines {
		c.text(gap+4, headHeight+lineHeight*float64(i)+10, "event", "start", text)
	}
	bottom := 0.0
	for _, p := range board.Panels {
		at := place(p.GridPos, top)
		bottom = max(bottom, at.Y+at.H)
		c.panel(p, at, results)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]s" role="img" aria-label="%[3]s">
<style>
%[4]s</style>
<rect width="%[1]d" height="%[2]s" rx="8" fill="#111217"/>
%[5]s</svg>
`, width, number(bottom+gap), html.EscapeString(board.Title), style, c.String())
}

// describe returns the lines that list the events.
func describe(events []event) []string {
	var words []string
	for i, e := range events {
		text := clock(e.At) + " " + e.Text
		if i < len(events)-1 {
			text += ","
		}
		words = append(words, text)
	}
	return wrap(words, "  ", 11, width-4*gap)
}

// panel draws a panel with its frame and title.
func (c *canvas) panel(p panel, at box, results recording) {
	if p.Type == typeRow {
		c.text(at.X+4, at.Y+at.H-4, "row", "start", p.Title)
		return
	}
	c.add(`<rect class="frame" x="%s" y="%s" width="%s" height="%s" rx="3"/>`, number(at.X), number(at.Y), number(at.W), number(at.H))
	c.title(p.Title, at.inset(6, 0, 6, 0))
	inner := at.inset(6, 22, 6, 6)
	switch {
	case p.Type == typeStat:
		c.stat(p, inner, results.Panels[p.ID])
	case results.isEmpty(p):
		c.text(inner.X+inner.W/2, inner.Y+inner.H/2, "empty", "middle", "No data")
	case p.Type == typeTable:
		c.table(p, inner, results.Panels[p.ID][0])
	case p.Type == typeHeatmap:
		c.heatmap(p, inner, results)
	default:
		c.chart(p, inner, results)
	}
}
