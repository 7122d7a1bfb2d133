package main

import (
	"context"
	"fmt"
	"slices"
)

// growth measures how the cost of a mapping grows with their number.
func (b *bench) growth(ctx context.Context) error {
	var least map[string]float64
	for _, n := range slices.Sorted(slices.Values(b.Sizes)) {
		r, err := b.convergence(ctx, growth, theOperator, 1, n)
		if err != nil {
			return fmt.Errorf("growth, %d mappings: %w", n, err)
		}
		cost := map[string]float64{
			"time":          1000 * r.value("time to converge") / float64(n),
			"CPU":           1000 * r.value("CPU") / float64(n),
			"memory, peak,": 1024 * r.value("memory, peak") / float64(n),
		}
		if least == nil {
			least = cost
		}
		r.add("time per mapping", "ms", cost["time"])
		r.add("CPU per mapping", "ms", cost["CPU"])
		r.add("memory, peak, per mapping", "KiB", cost["memory, peak,"])
		for _, what := range sortedKeys(cost) {
			r.add(what+" per mapping, to that of the fewest", "", cost[what]/least[what])
		}
		b.result.Rounds = append(b.result.Rounds, r)
	}
	return nil
}

func (r *round) value(name string) float64 {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}
