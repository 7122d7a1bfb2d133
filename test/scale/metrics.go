package main

import (
	"context"
	"fmt"
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
	for _, s := range parseSamples(text, "apiserver_request_total") {
		resource := s.labels["resource"]
		if !slices.Contains(writeVerbs, s.labels["verb"]) || slices.Contains([]string{"leases", "tokenreviews", "subjectaccessreviews"}, resource) {
			continue
		}
		if sub := s.labels["subresource"]; sub != "" {
			resource += "/" + sub
		}
		counts[s.labels["verb"]+" "+resource] += s.value
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

// sample is one line in the Prometheus text format.
type sample struct {
	labels map[string]string
	value  float64
}

// parseSamples returns the samples of a metric.
func parseSamples(text, name string) []sample {
	var samples []sample
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), name)
		if !found || (rest != "" && rest[0] != '{' && rest[0] != ' ') {
			continue
		}
		if s, err := parseSample(rest); err == nil {
			samples = append(samples, s)
		}
	}
	return samples
}

// parseSample parses the labels and the value after a name: {key="value",…} 1. It doesn't support quotes in values.
func parseSample(rest string) (sample, error) {
	s := sample{labels: map[string]string{}}
	if labels, after, found := strings.Cut(strings.TrimPrefix(rest, "{"), "} "); found {
		for pair := range strings.SplitSeq(labels, `",`) {
			key, value, _ := strings.Cut(pair, `="`)
			s.labels[key] = strings.TrimSuffix(value, `"`)
		}
		rest = after
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
	if err != nil {
		return sample{}, fmt.Errorf("parse a metric: %w", err)
	}
	s.value = value
	return s, nil
}
