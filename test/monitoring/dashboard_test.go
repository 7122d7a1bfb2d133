package monitoring

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const dashboardFile = "../../config/prometheus/dashboard.json"

type dashboard struct {
	Title, UID    string
	SchemaVersion int
	Templating    struct{ List []variable }
	Panels        []panel
}

type variable struct {
	Name, Definition, Type string
	Query                  json.RawMessage
	Datasource             datasource
}

type datasource struct{ UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Datasource               datasource
	Targets                  []target
	Panels                   []panel
}

type target struct {
	Datasource         datasource
	Expr, LegendFormat string
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, dashboardFile), &d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 39 || len(d.Panels) == 0 {
		t.Fatalf("%s lacks a title, a uid, a schemaVersion of a current Grafana, or panels", dashboardFile)
	}
	return d
}

func TestDashboard_panels_do_not_overlap(t *testing.T) {
	panels := readDashboard(t).Panels
	if panels[0].Type != "row" {
		t.Error("the first panel is not a row")
	}
	for i, p := range panels {
		at := p.GridPos
		if at.X < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24 {
			t.Errorf("%q does not fit into the grid: %+v", p.Title, at)
		}
		if len(p.Panels) > 0 {
			t.Errorf("the row %q hides panels, which are not tested", p.Title)
		}
		for _, other := range panels[:i] {
			if other.ID == p.ID {
				t.Errorf("%q and %q have the id %d", other.Title, p.Title, p.ID)
			}
			if other.Title == p.Title {
				t.Errorf("two panels have the title %q", p.Title)
			}
			o := other.GridPos
			if at.X < o.X+o.W && o.X < at.X+at.W && at.Y < o.Y+o.H && o.Y < at.Y+at.H {
				t.Errorf("%q and %q overlap: %+v, %+v", other.Title, p.Title, o, at)
			}
		}
	}
}

func TestDashboard_panels_are_described(t *testing.T) {
	for _, p := range readDashboard(t).Panels {
		switch {
		case p.Title == "":
			t.Errorf("panel %d has no title", p.ID)
		case p.Type == "row":
		case p.Description == "" || p.FieldConfig.Defaults.Unit == "":
			t.Errorf("%q has no description or no unit", p.Title)
		case len(p.Targets) == 0:
			t.Errorf("%q has no target", p.Title)
		}
	}
}

func TestDashboard_queries_the_selected_data_source(t *testing.T) {
	const chosen = "${datasource}"
	d := readDashboard(t)
	if first := d.Templating.List[0]; first.Type != "datasource" || first.Name != "datasource" {
		t.Errorf("the first variable is %s, not the data source", first.Name)
	}
	for _, v := range d.Templating.List[1:] {
		if v.Datasource.UID != chosen {
			t.Errorf("the variable %s queries %q", v.Name, v.Datasource.UID)
		}
	}
	for _, p := range d.Panels {
		if p.Type != "row" && p.Datasource.UID != chosen {
			t.Errorf("%q queries %q", p.Title, p.Datasource.UID)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != chosen {
				t.Errorf("%q queries %q", p.Title, target.Datasource.UID)
			}
		}
	}
}

// grafana replaces the built-in variables of Grafana.
var grafana = strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "6h")

func TestDashboard_panels_use_existing_metrics_and_labels(t *testing.T) {
	d := readDashboard(t)
	legend := regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr := grafana.Replace(target.Expr)
			promtool(t, "--experimental", "promql", "format", expr)
			labels, err := check(expr)
			if err != nil {
				t.Errorf("%q: %v", p.Title, err)
				continue
			}
			for _, label := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(labels, label[1]) {
					t.Errorf("%q: the legend uses the label %s, but there are only %v", p.Title, label[1], labels)
				}
			}
			d.checkReferences(t, p.Title, expr)
		}
	}
}

var reference = regexp.MustCompile(`\$\{?(\w+)`)

// checkReferences fails if an expression uses a variable that the dashboard does not have.
func (d dashboard) checkReferences(t *testing.T, title, expr string) {
	t.Helper()
	for _, used := range reference.FindAllStringSubmatch(expr, -1) {
		if !slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == used[1] }) {
			t.Errorf("%q uses the variable %s, which does not exist", title, used[1])
		}
	}
}

func TestDashboard_variables_use_existing_metrics_and_labels(t *testing.T) {
	call := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	d := readDashboard(t)
	for _, v := range d.Templating.List[1:] {
		var query struct{ Query string }
		if err := json.Unmarshal(v.Query, &query); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if v.Definition != query.Query {
			t.Errorf("%s has the definition %q, but the query %q", v.Name, v.Definition, query.Query)
		}
		d.checkReferences(t, v.Name, query.Query)
		parts := call.FindStringSubmatch(query.Query)
		if parts == nil {
			t.Errorf("%s has the query %q, which is not label_values", v.Name, query.Query)
			continue
		}
		labels, err := check(parts[1])
		if err != nil || !slices.Contains(labels, parts[2]) {
			t.Errorf("%s queries the label %s of %v (%v)", v.Name, parts[2], labels, err)
		}
	}
}

func TestDashboard_shows_all_metrics_of_the_operator(t *testing.T) {
	var all strings.Builder
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			all.WriteString(target.Expr + "\n")
		}
	}
	for name := range knownMetrics() {
		if strings.HasPrefix(name, "deepcall_") && !strings.Contains(all.String(), name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}
