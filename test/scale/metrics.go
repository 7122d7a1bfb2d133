package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// writeVerbs are the verbs of writes in apiserver_request_total.
var writeVerbs = []string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}

// writes counts writes by verb and resource.
type writes map[string]float64

// writes returns the writes that the API server has counted, except for leases and for reviews of tokens and access.
func (b *bench) writes(ctx context.Context) (writes, error) {
	text, err := fetch(ctx, b.api, b.apiURL+"/metrics")
	if err != nil {
		return nil, err
	}
	return parseWrites(string(text)), nil
}

func parseWrites(text string) writes {
	counts := writes{}
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(line, "apiserver_request_total{")
		pairs, value, _ := strings.Cut(strings.TrimSpace(rest), "} ")
		n, err := strconv.ParseFloat(value, 64)
		if !found || err != nil {
			continue
		}
		labels := map[string]string{}
		for pair := range strings.SplitSeq(pairs, `",`) { // no value contains a quote
			key, value, _ := strings.Cut(pair, `="`)
			labels[key] = strings.TrimSuffix(value, `"`)
		}
		resource := labels["resource"]
		if !slices.Contains(writeVerbs, labels["verb"]) || slices.Contains([]string{"leases", "tokenreviews", "subjectaccessreviews"}, resource) {
			continue
		}
		if sub := labels["subresource"]; sub != "" {
			resource += "/" + sub
		}
		counts[labels["verb"]+" "+resource] += n
	}
	return counts
}

// since returns the difference from an earlier count.
func (w writes) since(earlier writes) writes {
	difference := writes{}
	for kind, n := range w {
		if n > earlier[kind] {
			difference[kind] = n - earlier[kind]
		}
	}
	return difference
}

// without subtracts n writes of a kind, such as those of the benchmark itself.
func (w writes) without(kind string, n int) writes {
	remaining := maps.Clone(w)
	if remaining[kind] -= float64(n); remaining[kind] <= 0 {
		delete(remaining, kind)
	}
	return remaining
}

func (w writes) total() float64 {
	total := 0.0
	for _, n := range w {
		total += n
	}
	return total
}
