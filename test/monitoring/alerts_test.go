package monitoring

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// scenario is the data of a scenario and the alerts that fire.
type scenario struct {
	name string
	// data is healthy apart from the fault.
	data dataset
	// from is the first minute at which the alerts fire.
	from int
	// fires are all alerts that fire.
	fires []firing
	// near are the alerts that nearly fire, in a scenario in which none fires.
	near []string
}

// fires returns a scenario in which exactly these alerts fire, from a minute on.
func fires(name string, from int, data dataset, alerts ...firing) scenario {
	return scenario{name: name, data: data, from: from, fires: alerts}
}

// silent returns a scenario in which no alert fires, although those that are near nearly do.
func silent(name string, data dataset, near ...string) scenario {
	return scenario{name: name, data: data, near: near}
}

// firing is a firing alert as it is displayed.
type firing struct {
	alert                string
	labels               map[string]string
	summary, description string
}

// The used parts of the format of promtool's test files.
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

func TestAlerts_fire_in_their_scenarios_only(t *testing.T) {
	spec, all := rules(t)
	ruleFile := write(t, "rules.json", inJSON(t, spec))
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			group := testGroup{Name: s.name, Interval: "1m", InputSeries: s.data.input()}
			for _, r := range all {
				group.AlertTests = append(group.AlertTests, s.tests(r)...)
			}
			content := inJSON(t, testFile{RuleFiles: []string{ruleFile}, EvaluationInterval: "1m", Tests: []testGroup{group}})
			promtool(t, "test", "rules", write(t, "tests.json", content))
		})
	}
}

func TestAlerts_have_a_scenario_and_a_near_miss(t *testing.T) {
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
			t.Errorf("a scenario has the alert %s, which does not exist", alert)
		}
	}
}

func (d dataset) input() []inputSeries {
	input := make([]inputSeries, 0, len(d))
	for series, samples := range d {
		input = append(input, inputSeries{series, strings.Join(samples, " ")})
	}
	return input
}

// tests returns the tests of one rule: silent in every minute before it fires, or in all minutes.
func (s scenario) tests(r rule) []alertTest {
	at := alertTest{EvalTime: fmt.Sprintf("%dm", s.from), Alertname: r.Alert}
	for _, f := range s.fires {
		if f.alert == r.Alert {
			at.ExpAlerts = append(at.ExpAlerts, f.expected(r))
		}
	}
	until := minutes
	if len(at.ExpAlerts) > 0 {
		until = s.from
	}
	tests := make([]alertTest, 0, until+1)
	for minute := range until {
		tests = append(tests, alertTest{EvalTime: fmt.Sprintf("%dm", minute), Alertname: r.Alert})
	}
	if until < minutes {
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
