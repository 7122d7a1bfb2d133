package main

import "testing"

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []float64
	for i := 100; i > 0; i-- {
		hundred = append(hundred, float64(i))
	}
	for _, c := range []struct {
		values  []float64
		p, want float64
	}{
		{nil, 99, 0}, {[]float64{7}, 50, 7}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {[]float64{1, 2}, 99, 2},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile %v of %d values = %v, want %v", c.p, len(c.values), got, c.want)
		}
	}
}

func TestInterval(t *testing.T) {
	// The ranks are those of tables for the sign test.
	for n, rank := range map[int]int{0: 0, 5: 0, 6: 1, 8: 1, 9: 2, 11: 2, 12: 3, 15: 4, 20: 6, 25: 8} {
		var values []float64
		for i := n; i > 0; i-- {
			values = append(values, float64(i))
		}
		low, high, ok := interval(values)
		if rank == 0 && ok {
			t.Errorf("%d values have an interval of %v to %v", n, low, high)
		}
		if rank > 0 && (!ok || low != float64(rank) || high != float64(n+1-rank)) {
			t.Errorf("%d values: got %v to %v, want the values of rank %d", n, low, high, rank)
		}
	}
}

func TestSpreadVisitsEachMappingOnce(t *testing.T) {
	for _, mappings := range []int{1, 7, 200, 10_000} {
		visited := map[int]bool{}
		for n := range mappings {
			visited[spread(n, mappings)] = true
		}
		if len(visited) != mappings {
			t.Errorf("%d edits visit %d mappings", mappings, len(visited))
		}
	}
}

func TestAddPerMapping(t *testing.T) {
	r := round{Mappings: 11_000}
	r.add("time to converge", "s", 66)
	r.add("CPU", "s", 33)
	r.addPerMapping()
	for name, want := range map[string]float64{"time per mapping": 6, "CPU per mapping": 3} {
		if got := r.value(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
}
