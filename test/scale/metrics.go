package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// writeVerbs are those by which apiserver_request_total counts writes.
var writeVerbs = []string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}

// writes are how many there were, by verb and resource.
type writes map[string]float64

// writes asks the API server how many it has had. Leases are left out, and what the API server
// asks of itself about tokens and rights.
func (b *bench) writes(ctx context.Context) (writes, error) {
	text, err := fetchBy(ctx, b.api, b.apiURL+"/metrics")
	if err != nil {
		return nil, err
	}
	counted := writes{}
	for _, s := range readSamples(string(text), "apiserver_request_total") {
		kind := s.labels["resource"]
		if !slices.Contains(writeVerbs, s.labels["verb"]) || slices.Contains([]string{"leases", "tokenreviews", "subjectaccessreviews"}, kind) {
			continue
		}
		if sub := s.labels["subresource"]; sub != "" {
			kind += "/" + sub
		}
		counted[s.labels["verb"]+" "+kind] += s.value
	}
	return counted, nil
}

// less is what came to it since an earlier count.
func (w writes) less(earlier writes) writes {
	since := writes{}
	for kind, n := range w {
		if n > earlier[kind] {
			since[kind] = n - earlier[kind]
		}
	}
	return since
}

func (w writes) total() float64 {
	total := 0.0
	for _, n := range w {
		total += n
	}
	return total
}

// sample is one line of a text of metrics.
type sample struct {
	labels map[string]string
	value  float64
}

// readSamples returns the samples of that name.
func readSamples(text, name string) []sample {
	var samples []sample
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), name)
		if !found || (rest != "" && rest[0] != '{' && rest[0] != ' ') {
			continue
		}
		if s, err := readSample(rest); err == nil {
			samples = append(samples, s)
		}
	}
	return samples
}

// readSample reads what follows the name: {key="value",…} 1. No value of interest has a quote in it.
func readSample(rest string) (sample, error) {
	s := sample{labels: map[string]string{}}
	if between, after, labelled := strings.Cut(strings.TrimPrefix(rest, "{"), "} "); labelled {
		for pair := range strings.SplitSeq(between, `",`) {
			key, value, _ := strings.Cut(pair, `="`)
			s.labels[key] = strings.TrimSuffix(value, `"`)
		}
		rest = after
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
	if err != nil {
		return sample{}, fmt.Errorf("read a metric: %w", err)
	}
	s.value = value
	return s, nil
}
