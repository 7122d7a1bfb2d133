package main

import (
	"fmt"
	"math"
	"strconv"
)

// scale is the vertical axis of a chart, from 0 to Max.
type scale struct{ Max, Step float64 }

// newScale returns a scale of at most five steps for values up to most.
func newScale(most float64, unit string) scale {
	if most <= 0 {
		return scale{Max: 1, Step: 1}
	}
	step := roundStep(most/4, unit)
	if unit == "short" && most >= 1 {
		step = max(step, 1) // of whole things
	}
	return scale{Max: step * math.Ceil(most/step*0.9999), Step: step}
}

// roundStep returns the next 1, 2, 2.5 or 5 times a power of ten, of bytes the next power of two,
// and of many seconds such a number of minutes.
func roundStep(least float64, unit string) float64 {
	if unit == "bytes" {
		return math.Pow(2, math.Ceil(math.Log2(least)))
	}
	if unit == "s" && least > 30 {
		return 60 * roundStep(least/60, "")
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, digits := range []float64{1, 2, 2.5, 5} {
		if digits*power >= least {
			return digits * power
		}
	}
	return 10 * power
}

// format returns the text of a value, with as many decimals as it needs, or as given.
func format(value float64, unit string, decimals *int) string {
	suffix := ""
	switch unit {
	case "percentunit":
		value, suffix = 100*value, "%"
	case "s":
		value, suffix = inSeconds(value)
	case "bytes":
		value, suffix = inBytes(value)
	case "reqps":
		suffix = " req/s"
	case "ops":
		suffix = " ops/s"
	}
	if decimals != nil {
		return strconv.FormatFloat(value, 'f', *decimals, 64) + suffix
	}
	digits := 2
	switch size := math.Abs(value); {
	case size >= 100:
		digits = 0
	case size >= 10:
		digits = 1
	case size < 0.1:
		digits = 3
	}
	rounded := math.Round(value*math.Pow10(digits)) / math.Pow10(digits)
	return strconv.FormatFloat(rounded, 'f', -1, 64) + suffix
}

func inSeconds(value float64) (float64, string) {
	switch {
	case value == 0:
		return 0, " s"
	case math.Abs(value) < 1:
		return 1000 * value, " ms"
	case math.Abs(value) >= 120:
		return value / 60, " min"
	default:
		return value, " s"
	}
}

func inBytes(value float64) (float64, string) {
	units := []string{" B", " KiB", " MiB", " GiB"}
	for i, name := range units {
		if value < 1024 || i == len(units)-1 {
			return value, name
		}
		value /= 1024
	}
	return value, ""
}

// timeSteps are the distances between the labels of the horizontal axis.
var timeSteps = []float64{10, 20, 30, 60, 120, 300, 600}

// timeLabels returns the times in seconds that are labeled, at most n.
func timeLabels(length float64, n int) []float64 {
	step := timeSteps[len(timeSteps)-1]
	for _, candidate := range timeSteps {
		if length/candidate < float64(n) {
			step = candidate
			break
		}
	}
	var labels []float64
	for at := 0.0; at <= length; at += step {
		labels = append(labels, at)
	}
	return labels
}

// clock returns the minutes and seconds since the start.
func clock(seconds float64) string {
	whole := int(math.Round(seconds))
	return fmt.Sprintf("%d:%02d", whole/60, whole%60)
}
