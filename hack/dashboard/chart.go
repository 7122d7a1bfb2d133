package main

import (
	"fmt"
	"slices"
	"strings"
)

// palette are the colors of the series, in the order of the legend.
var palette = []string{
	"#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a", "#447ebc", "#c15c17", "#890f02",
}

func color(i int) string { return palette[i%len(palette)] }

const (
	legendSize   = 11
	legendHeight = 14
	legendLines  = 3
	axisWidth    = 48
	axisHeight   = 16
	marginRight  = 12 // of the last label
)

// line is a series of a chart.
type line struct {
	name   string
	points []point
}

// point is a value at a time. The area below the line reaches down to base.
type point struct{ t, v, base float64 }

// linesOf returns the lines of a panel.
func linesOf(p panel, found [][]series) []line {
	var lines []line
	for i, t := range p.Targets {
		for _, s := range found[i] {
			l := line{name: t.legend(s)}
			for _, found := range s.Samples {
				l.points = append(l.points, point{t: found.T, v: found.V})
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// stack puts the lines on top of each other.
func stack(lines []line) {
	sums := map[float64]float64{}
	for _, l := range lines {
		for i := range l.points {
			p := &l.points[i]
			p.base, p.v = sums[p.t], sums[p.t]+p.v
			sums[p.t] = p.v
		}
	}
}

// chart draws the lines of a panel, its axes and its legend.
func (c *canvas) chart(p panel, at box, results recording) {
	lines := linesOf(p, results.Panels[p.ID])
	height := c.legend(lines, at)
	field := p.FieldConfig.Defaults
	if field.Custom.Stacking.Mode == "normal" {
		stack(lines)
	}
	most := 0.0
	for _, l := range lines {
		for _, p := range l.points {
			most = max(most, p.v)
		}
	}
	vertical := newScale(most, field.Unit)
	plot := at.inset(axisWidth, 4, marginRight, axisHeight+height+2)
	c.axes(plot, vertical, field.Unit, results.Length)
	x := func(t float64) float64 { return plot.X + plot.W*t/results.Length }
	y := func(v float64) float64 { return plot.Y + plot.H*(1-v/vertical.Max) }
	for i, l := range lines {
		for _, part := range split(l.points, results.Step) {
			line := path(part, func(p point) (float64, float64) { return x(p.t), y(p.v) })
			if field.Custom.FillOpacity > 0 {
				slices.Reverse(part)
				base := path(part, func(p point) (float64, float64) { return x(p.t), y(p.base) })
				c.add(`<path fill="%s" fill-opacity="%.2f" d="%sL%sZ"/>`, color(i), field.Custom.FillOpacity/100, line, base[1:])
			}
			c.add(`<path class="series" stroke="%s" d="%s"/>`, color(i), line)
		}
	}
}

// split returns the parts of the points between which at least one is missing.
func split(points []point, step float64) [][]point {
	var parts [][]point
	for i, p := range points {
		if i == 0 || p.t-points[i-1].t > 1.5*step {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], p)
	}
	return parts
}

// path returns the path through the points, without those in the middle of a horizontal line.
func path(points []point, place func(point) (x, y float64)) string {
	var d strings.Builder
	for i, p := range points {
		x, y := place(p)
		if i > 0 && i < len(points)-1 {
			_, before := place(points[i-1])
			_, after := place(points[i+1])
			if number(before) == number(y) && number(after) == number(y) {
				continue
			}
		}
		command := "L"
		if i == 0 {
			command = "M"
		}
		d.WriteString(command + number(x) + " " + number(y))
	}
	if len(points) == 1 {
		d.WriteString("h1") // a line without length is not visible
	}
	return d.String()
}

// axes draws the grid and its labels.
func (c *canvas) axes(plot box, vertical scale, unit string, length float64) {
	for i := 0; float64(i)*vertical.Step <= vertical.Max*1.0001; i++ {
		value := float64(i) * vertical.Step
		y := plot.Y + plot.H*(1-value/vertical.Max)
		c.add(`<path class="grid" d="M%s %sh%s"/>`, number(plot.X), number(y), number(plot.W))
		c.text(plot.X-5, y+3.5, "axis", "end", format(value, unit, nil))
	}
	c.times(plot, length)
}

// times draws the labels of the horizontal axis.
func (c *canvas) times(plot box, length float64) {
	for _, at := range timeLabels(length, int(plot.W/36)) {
		x := plot.X + plot.W*at/length
		c.add(`<path class="grid" d="M%s %sv%s"/>`, number(x), number(plot.Y), number(plot.H))
		c.text(x, plot.Y+plot.H+13, "axis", "middle", clock(at))
	}
}

// legend draws the names of the lines at the bottom of a box, and returns its height. What does not fit is counted.
func (c *canvas) legend(lines []line, at box) float64 {
	const mark, space = 14, 8
	width := func(l line) float64 { return mark + textWidth(l.name, legendSize) + space }
	var rows [][]int
	used := 0.0
	for i, l := range lines {
		if len(rows) == 0 || used+width(l)-space > at.W {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], i)
		used += width(l)
	}
	hidden := 0
	for _, row := range rows[min(len(rows), legendLines):] {
		hidden += len(row)
	}
	rows = rows[:min(len(rows), legendLines)]
	top := at.Y + at.H - float64(legendHeight*len(rows))
	for n, row := range rows {
		x, y := at.X, top+legendHeight*float64(n)+10
		for _, i := range row {
			c.add(`<path stroke="%s" stroke-width="3" d="M%s %sh10"/>`, color(i), number(x), number(y-3.5))
			c.text(x+mark, y, "legend", "start", shorten(lines[i].name, legendSize, at.W-mark))
			x += width(lines[i])
		}
		if n == len(rows)-1 && hidden > 0 {
			c.text(at.X+at.W, y, "legend", "end", fmt.Sprintf("+%d", hidden))
		}
	}
	return float64(legendHeight * len(rows))
}
