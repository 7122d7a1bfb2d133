package monitoring

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// scenario is what happens in a world, and what people are told about it.
type scenario struct {
	// name says what happens.
	name string
	// world is healthy but for it.
	world world
	// from is the minute at which the alerts begin to fire, and not before.
	from int
	// fires are all alerts that ever fire.
	fires []firing
	// near are the alerts that come close, when none fires at all.
	near []string
}

// firing is an alert as people see it.
type firing struct {
	alert                string
	labels               map[string]string
	summary, description string
}

// The parts of promtool's test files that are used here.
type testFile struct {
	RuleFiles          []string    `json:"rule_files"`
	EvaluationInterval string      `json:"evaluation_interval"`
	Tests              []testGroup `json:"tests"`
}

type testGroup struct {
	Name        string        `json:"name"`
	Interval    string        `json:"interval"`
	InputSeries []inputSeries `json:"input_series"`
	AlertTests  []alertTest   `json:"alert_rule_test"`
}

type inputSeries struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type alertTest struct {
	EvalTime  string     `json:"eval_time"`
	Alertname string     `json:"alertname"`
	ExpAlerts []expAlert `json:"exp_alerts"`
}

type expAlert struct {
	ExpLabels      map[string]string `json:"exp_labels"`
	ExpAnnotations map[string]string `json:"exp_annotations"`
}

func TestEachAlertFiresOnWhatItIsAboutAndOnNothingElse(t *testing.T) {
	spec, all := rules(t)
	ruleFile := write(t, "rules.json", inJSON(t, spec))
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			group := testGroup{Name: s.name, Interval: "1m", InputSeries: s.world.input()}
			for _, r := range all {
				group.AlertTests = append(group.AlertTests, s.tests(r)...)
			}
			content := inJSON(t, testFile{RuleFiles: []string{ruleFile}, EvaluationInterval: "1m", Tests: []testGroup{group}})
			promtool(t, "test", "rules", write(t, "tests.json", content))
		})
	}
}

func TestEachAlertHasAScenarioAndANearMiss(t *testing.T) {
	_, all := rules(t)
	var firing, near, known []string
	for _, r := range all {
		known = append(known, r.Alert)
	}
	for _, s := range scenarios() {
		for _, f := range s.fires {
			firing = append(firing, f.alert)
		}
		near = append(near, s.near...)
	}
	for _, alert := range known {
		if !slices.Contains(firing, alert) {
			t.Errorf("%s fires in no scenario", alert)
		}
		if !slices.Contains(near, alert) {
			t.Errorf("%s has no scenario in which it nearly fires", alert)
		}
	}
	for _, alert := range slices.Concat(firing, near) {
		if !slices.Contains(known, alert) {
			t.Errorf("a scenario is about %s, which is no alert", alert)
		}
	}
}

func (w world) input() []inputSeries {
	input := make([]inputSeries, 0, len(w))
	for series, samples := range w {
		input = append(input, inputSeries{series, strings.Join(samples, " ")})
	}
	return input
}

// tests expects of one rule that it is silent, minute by minute: until it is to fire, or to the end.
func (s scenario) tests(r rule) []alertTest {
	at := alertTest{EvalTime: fmt.Sprintf("%dm", s.from), Alertname: r.Alert}
	for _, f := range s.fires {
		if f.alert == r.Alert {
			at.ExpAlerts = append(at.ExpAlerts, f.expected(r))
		}
	}
	silent := minutes
	if len(at.ExpAlerts) > 0 {
		silent = s.from
	}
	tests := make([]alertTest, 0, silent+1)
	for minute := range silent {
		tests = append(tests, alertTest{EvalTime: fmt.Sprintf("%dm", minute), Alertname: r.Alert})
	}
	if silent < minutes {
		tests = append(tests, at)
	}
	return tests
}

func (f firing) expected(r rule) expAlert {
	labels := map[string]string{"severity": r.Labels["severity"]}
	for name, value := range f.labels {
		labels[name] = value
	}
	return expAlert{labels, map[string]string{
		"summary": f.summary, "description": f.description, "runbook_url": r.Annotations["runbook_url"],
	}}
}
