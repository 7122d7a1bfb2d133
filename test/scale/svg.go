package main

import "time"

type point struct {
	Seconds float64 `json:"s"`
	Ready   int     `json:"n"`
}

func curve(times []time.Duration) []point {
	const most = 200
	step := max(len(times)/most, 1)
	var points []point
	for i := step - 1; i < len(times); i += step {
		points = append(points, point{times[i].Seconds(), i + 1})
	}
	return points
}

func plot([]round) string { return "" }
