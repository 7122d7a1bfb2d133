package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// recording is the result of a run. Times are in seconds since its start.
type recording struct {
	Length float64
	Step   float64
	Events []event
	Panels map[int][][]series // by panel and target
}

// event is a part of the scenario.
type event struct {
	At   float64
	Text string
}

// series are the samples of a combination of labels.
type series struct {
	Labels  map[string]string
	Samples []sample
}

// sample is a value at a time. The recording contains only finite values.
type sample struct{ T, V float64 }

func (r recording) isEmpty(p panel) bool {
	for _, found := range r.Panels[p.ID] {
		if len(found) > 0 {
			return false
		}
	}
	return true
}

// query returns the results of all panels, since the start of the run.
func (e *environment) query(ctx context.Context, board dashboard) (recording, error) {
	end := time.Now()
	results := recording{
		Length: end.Sub(e.started).Seconds(), Step: e.scenario.scrapeInterval.Seconds(), Events: e.events, Panels: map[int][][]series{},
	}
	for _, p := range board.Panels {
		for _, t := range p.Targets {
			found, err := e.queryTarget(ctx, t, end)
			if err != nil {
				return results, fmt.Errorf("%s: %w", p.Title, err)
			}
			results.Panels[p.ID] = append(results.Panels[p.ID], found)
		}
	}
	return results, nil
}

// expand replaces the variables of Grafana: all accounts are selected, and a rate is that of four scrapes.
func expand(expr string, scrapeInterval time.Duration) string {
	return strings.NewReplacer(
		"$__rate_interval", fmt.Sprintf("%ds", int(4*scrapeInterval.Seconds())),
		"$account_namespace", ".*", "$account", ".*",
	).Replace(expr)
}

func (e *environment) queryTarget(ctx context.Context, t target, end time.Time) ([]series, error) {
	unix := func(at time.Time) string { return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64) }
	path, values := "query_range", url.Values{"query": {expand(t.Expr, e.scenario.scrapeInterval)}}
	if t.Instant {
		path = "query"
		values.Set("time", unix(end))
	} else {
		values.Set("start", unix(e.started))
		values.Set("end", unix(end))
		values.Set("step", fmt.Sprint(e.scenario.scrapeInterval.Seconds()))
	}
	text, err := fetch(ctx, "http://"+e.prometheus+"/api/v1/"+path+"?"+values.Encode())
	if err != nil {
		return nil, err
	}
	var found answer
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("decode the answer of Prometheus: %w", err)
	}
	if found.Error != "" {
		return nil, errors.New(found.Error)
	}
	return found.series(e.started)
}

// fetch returns the body of a response.
func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// answer is that of Prometheus to a query.
type answer struct {
	Error string `json:"error"`
	Data  struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  []any             `json:"value"`  // of an instant query
			Values [][]any           `json:"values"` // of a range query
		} `json:"result"`
	} `json:"data"`
}

// series returns the finite samples. A quantile without observations is not a number.
func (a answer) series(started time.Time) ([]series, error) {
	var all []series
	for _, result := range a.Data.Result {
		if result.Value != nil {
			result.Values = append(result.Values, result.Value)
		}
		found := series{Labels: result.Metric}
		for _, pair := range result.Values {
			at, text := pair[0].(float64), pair[1].(string)
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fmt.Errorf("%q is not a value: %w", text, err)
			}
			if !math.IsNaN(value) && !math.IsInf(value, 0) {
				found.Samples = append(found.Samples, sample{at - float64(started.UnixMilli())/1000, value})
			}
		}
		if len(found.Samples) > 0 {
			all = append(all, found)
		}
	}
	return all, nil
}

var placeholder = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// legend returns the name of a series in the legend.
func (t target) legend(s series) string {
	return placeholder.ReplaceAllStringFunc(t.LegendFormat, func(match string) string {
		return s.Labels[placeholder.FindStringSubmatch(match)[1]]
	})
}
