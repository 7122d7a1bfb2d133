package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// point is the number of Ready mappings at a time.
type point struct {
	Seconds float64 `json:"s"`
	Ready   int     `json:"n"`
}

// curve reduces the sorted times at which mappings became Ready to the points of a plot.
func curve(times []time.Duration) []point {
	const maxPoints = 200
	step := (len(times) + maxPoints - 1) / maxPoints
	points := []point{{0, 0}}
	for i := range times {
		if (i+1)%step == 0 || i+1 == len(times) {
			points = append(points, point{times[i].Seconds(), i + 1})
		}
	}
	return points
}

// The dimensions of the plot in pixels.
const (
	plotWidth, plotHeight = 640, 320
	plotLeft, plotTop     = 70, 40
	plotTicks             = 5
)

var colors = map[string]string{subjectFloor: "#888888", subjectOperator: "#1f6feb"}

// plot draws the curves of the converge scenario as SVG. It returns "" if there are none.
func plot(rounds []round) string {
	var lines strings.Builder
	var seconds, mappings float64
	for _, r := range converged(rounds) {
		seconds = max(seconds, r.Curve[len(r.Curve)-1].Seconds)
		mappings = max(mappings, float64(r.Mappings))
	}
	if seconds == 0 {
		return ""
	}
	seconds = plotTicks * roundStep(seconds/plotTicks)
	for _, r := range converged(rounds) {
		fmt.Fprintf(&lines, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n",
			colors[r.Subject], path(r.Curve, seconds, mappings))
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
<text x="%d" y="20" font-size="14">Mappings Ready, by seconds since the start</text>
%s%s%s</svg>
`, plotLeft+plotWidth+40, plotTop+plotHeight+40, plotLeft, axes(seconds, mappings), lines.String(), legend())
}

// roundStep returns the next 1, 2, 2.5, 5 or 10 times a power of ten.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, digits := range []float64{1, 2, 2.5, 5} {
		if digits*power >= least {
			return digits * power
		}
	}
	return 10 * power
}

func converged(rounds []round) []round {
	var found []round
	for _, r := range rounds {
		if r.Scenario == converge && len(r.Curve) > 0 {
			found = append(found, r)
		}
	}
	return found
}

func path(points []point, seconds, mappings float64) string {
	var coordinates []string
	for _, p := range points {
		coordinates = append(coordinates, fmt.Sprintf("%.1f,%.1f", plotX(p.Seconds/seconds), plotY(float64(p.Ready)/mappings)))
	}
	return strings.Join(coordinates, " ")
}

func plotX(share float64) float64 { return plotLeft + share*plotWidth }
func plotY(share float64) float64 { return plotTop + (1-share)*plotHeight }

// axes draws the grid and its labels.
func axes(seconds, mappings float64) string {
	var b strings.Builder
	for i := range plotTicks + 1 {
		share := float64(i) / plotTicks
		fmt.Fprintf(&b, `<path stroke="#dddddd" d="M%.1f %dV%dM%d %.1fH%d"/>`+"\n",
			plotX(share), plotTop, plotTop+plotHeight, plotLeft, plotY(share), plotLeft+plotWidth)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.3g</text>`+"\n", plotX(share), plotTop+plotHeight+18, seconds*share)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%.6g</text>`+"\n", plotLeft-8, plotY(share)+4, mappings*share)
	}
	return b.String()
}

func legend() string {
	var b strings.Builder
	for i, subject := range []string{subjectFloor, subjectOperator} {
		y := plotTop + 20 + 18*i
		fmt.Fprintf(&b, `<path stroke="%s" stroke-width="3" d="M%d %dh20"/>`+"\n", colors[subject], plotLeft+12, y-4)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", plotLeft+38, y, subject)
	}
	return b.String()
}
