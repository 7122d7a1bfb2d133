package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// namedColors are the colors of thresholds.
var namedColors = map[string]string{"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c"}

// thresholdColor returns the color of a value.
func thresholdColor(value float64, steps []threshold) string {
	found := "#ccccdc"
	for _, step := range steps {
		if step.Value == nil || value >= *step.Value {
			found = namedColors[step.Color]
		}
	}
	return found
}

// stat draws the last value of a panel.
func (c *canvas) stat(p panel, at box, found [][]series) {
	field := p.FieldConfig.Defaults
	text, fill := cmp.Or(field.NoValue, "No data"), "#ccccdc"
	if value, err := strconv.ParseFloat(field.NoValue, 64); err == nil {
		fill = thresholdColor(value, field.Thresholds.Steps)
	}
	if len(found) > 0 && len(found[0]) > 0 {
		samples := found[0][0].Samples
		value := samples[len(samples)-1].V
		text, fill = format(value, field.Unit, field.Decimals), thresholdColor(value, field.Thresholds.Steps)
	}
	c.add(`<text x="%s" y="%s" class="value" style="fill:%s" text-anchor="middle">%s</text>`,
		number(at.X+at.W/2), number(at.Y+at.H/2+9), fill, text)
}

// table draws the labels of the series, in the columns of the panel's transformation.
func (c *canvas) table(p panel, at box, found []series) {
	const cellHeight = 19
	var names []string
	var titles map[string]string
	for _, t := range p.Transformations {
		titles = t.Options.RenameByName
		for name := range t.Options.IndexByName {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return t.Options.IndexByName[a] - t.Options.IndexByName[b] })
	}
	columnWidth := at.W / float64(max(1, len(names)))
	found = found[:min(len(found), int(at.H/cellHeight)-1)]
	for i, name := range names {
		x := at.X + columnWidth*float64(i)
		c.text(x, at.Y+12, "small", "start", cmp.Or(titles[name], name))
		for n, s := range found {
			c.text(x, at.Y+12+cellHeight*float64(n+1), "cell", "start", shorten(s.Labels[name], 11.5, columnWidth))
		}
	}
	for n := range found {
		c.add(`<path class="grid" d="M%s %sh%s"/>`, number(at.X), number(at.Y+18+cellHeight*float64(n)), number(at.W))
	}
}

// levels is the number of colors of a heatmap.
const levels = 6

// bucket is a row of a heatmap: the observations at most as large as its bound, and larger than that of the row below.
type bucket struct {
	bound float64
	count map[float64]float64 // by time
}

// bucketsOf returns the buckets of cumulative series, lowest first.
func bucketsOf(found []series) []bucket {
	var buckets []bucket
	for _, s := range found {
		bound, err := strconv.ParseFloat(s.Labels["le"], 64)
		if err != nil {
			continue
		}
		b := bucket{bound: bound, count: map[float64]float64{}}
		for _, sample := range s.Samples {
			b.count[sample.T] = sample.V
		}
		buckets = append(buckets, b)
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	for i := len(buckets) - 1; i > 0; i-- {
		for t := range buckets[i].count {
			buckets[i].count[t] = max(0, buckets[i].count[t]-buckets[i-1].count[t])
		}
	}
	return buckets
}

// heatmap draws a row for each bucket, whose cells are brighter the more observations there were.
func (c *canvas) heatmap(p panel, at box, results recording) {
	buckets := bucketsOf(results.Panels[p.ID][0])
	plot := at.inset(axisWidth, 4, marginRight, axisHeight+2)
	height := plot.H / float64(len(buckets))
	most := 0.0
	for i, b := range buckets {
		for _, n := range b.count {
			most = max(most, n)
		}
		label := "+Inf"
		if !math.IsInf(b.bound, 1) {
			label = format(b.bound, p.Options.YAxis.Unit, nil)
		}
		c.text(plot.X-5, plot.Y+plot.H-height*(float64(i)+0.5)+3.5, "axis", "end", label)
	}
	c.times(plot, results.Length)
	cells := make([]strings.Builder, levels)
	cellWidth := plot.W * results.Step / results.Length
	for i, b := range buckets {
		for _, t := range slices.Sorted(maps.Keys(b.count)) {
			n := b.count[t]
			if n <= 0 {
				continue
			}
			level := min(levels-1, int(math.Sqrt(n/most)*levels))
			cells[level].WriteString("M" + number(plot.X+plot.W*t/results.Length) + " " + number(plot.Y+plot.H-height*float64(i+1)+0.5) +
				"h" + number(cellWidth) + "v" + number(height-1) + "h-" + number(cellWidth) + "z")
		}
	}
	for level := range cells {
		if cells[level].Len() > 0 {
			c.add(`<path fill="#ff9830" fill-opacity="%.2f" d="%s"/>`, float64(level+1)/levels, cells[level].String())
		}
	}
}
