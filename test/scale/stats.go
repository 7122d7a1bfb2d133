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

// interval returns two of the values between which the median of their distribution is, with a confidence of at least
// 95 %, whatever the distribution. Fewer than 6 values have no such interval.
func interval(values []float64) (low, high float64, ok bool) {
	const allowed = 0.05 / 2 // the chance that the median is beyond one end
	n := len(values)
	rank, chance, choices := 0, 0.0, math.Pow(2, -float64(n))
	for rank < n/2 && chance+choices <= allowed {
		chance += choices
		choices *= float64(n-rank) / float64(rank+1)
		rank++
	}
	if rank == 0 {
		return 0, 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[rank-1], sorted[n-rank], true
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
