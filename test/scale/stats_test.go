package main

import "testing"

func TestTheMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("the median of %v is %v, not %v", c.values, got, c.want)
		}
	}
}

func TestAPercentileIsOneOfTheValues(t *testing.T) {
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
			t.Errorf("the %vth percentile of %d values is %v, not %v", c.p, len(c.values), got, c.want)
		}
	}
}

func TestEditsMeetEachMappingBeforeAnyTwice(t *testing.T) {
	for _, mappings := range []int{1, 7, 200, 10_000} {
		met := map[int]bool{}
		for n := range mappings {
			met[spread(n, mappings)] = true
		}
		if len(met) != mappings {
			t.Errorf("%d edits meet %d of as many mappings", mappings, len(met))
		}
	}
}
