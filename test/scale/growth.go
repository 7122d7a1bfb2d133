package main

import (
	"context"
	"fmt"
	"slices"
)

// growth measures how the cost of a mapping grows with their number.
func (b *bench) growth(ctx context.Context) error {
	var fewest *round
	for _, n := range slices.Sorted(slices.Values(b.Sizes)) {
		r, err := b.convergence(ctx, growth, theOperator, 1, n)
		if err != nil {
			return fmt.Errorf("growth, %d mappings: %w", n, err)
		}
		if fewest == nil {
			fewest = &r
		}
		r.addPerMapping(fewest)
		b.result.Rounds = append(b.result.Rounds, r)
	}
	return nil
}

// addPerMapping tells what one mapping costs, and what it costs among the fewest.
func (r *round) addPerMapping(fewest *round) {
	each := func(r *round, what string) float64 { return r.value(what) / float64(r.Mappings) }
	r.add("time per mapping", "ms", 1000*each(r, "time to converge"))
	r.add("time per mapping, to that of the fewest", "", each(r, "time to converge")/each(fewest, "time to converge"))
	r.add("CPU per mapping", "ms", 1000*each(r, "CPU"))
	r.add("CPU per mapping, to that of the fewest", "", each(r, "CPU")/each(fewest, "CPU"))
	r.add("memory, peak, per mapping", "KiB", 1024*each(r, "memory, peak"))
	if more := r.Mappings - fewest.Mappings; more > 0 {
		grown := r.value("memory, peak") - fewest.value("memory, peak")
		r.add("memory, peak, for each mapping more", "KiB", 1024*grown/float64(more))
	}
}

func (r *round) value(name string) float64 {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}
