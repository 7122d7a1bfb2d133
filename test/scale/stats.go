package main

import (
	"math"
	"slices"
	"time"
)

// median returns the middle value, or the mean of the middle two; 0 if there are no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile returns the least value that p percent of all values don't exceed (nearest rank); 0 if there are no
// values.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// addLatency adds the distribution of samples in milliseconds.
func (r *round) addLatency(name string, samples []float64) {
	r.add(name+", p50", "ms", percentile(samples, 50))
	r.add(name+", p99", "ms", percentile(samples, 99))
	r.add(name+", max", "ms", percentile(samples, 100))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// spread returns the mapping of the nth edit, so that edits are spread over all mappings.
func spread(n, mappings int) int {
	const stride = 7919 // a prime: it visits all mappings unless their number is a multiple of it
	return n * stride % mappings
}
