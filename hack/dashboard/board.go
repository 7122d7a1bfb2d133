package main

import (
	"fmt"
	"slices"
)

// The types of panels.
const (
	typeRow        = "row"
	typeStat       = "stat"
	typeTable      = "table"
	typeHeatmap    = "heatmap"
	typeTimeSeries = "timeseries"
)

// dashboard is the part of Grafana's model that is drawn.
type dashboard struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int      `json:"id"`
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	GridPos     grid     `json:"gridPos"`
	Targets     []target `json:"targets"`
	FieldConfig struct {
		Defaults field `json:"defaults"`
	} `json:"fieldConfig"`
	Options struct {
		YAxis struct {
			Unit string `json:"unit"`
		} `json:"yAxis"`
	} `json:"options"`
	Transformations []struct {
		Options organize `json:"options"`
	} `json:"transformations"`
}

// grid is the place of a panel in a grid of 24 columns.
type grid struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

type target struct {
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Instant      bool   `json:"instant"`
}

// field is how values are shown.
type field struct {
	Unit       string `json:"unit"`
	Decimals   *int   `json:"decimals"`
	NoValue    string `json:"noValue"`
	Thresholds struct {
		Steps []threshold `json:"steps"`
	} `json:"thresholds"`
	Custom struct {
		FillOpacity float64 `json:"fillOpacity"`
		Stacking    struct {
			Mode string `json:"mode"`
		} `json:"stacking"`
	} `json:"custom"`
}

// threshold is the color of the values from Value on. Without a value, it is that of the lowest ones.
type threshold struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// organize is the transformation that orders and renames the columns of a table.
type organize struct {
	ExcludeByName map[string]bool   `json:"excludeByName"`
	IndexByName   map[string]int    `json:"indexByName"`
	RenameByName  map[string]string `json:"renameByName"`
}

func readDashboard(path string) (dashboard, error) {
	var board dashboard
	return board, readJSON(path, &board)
}

// arrange returns a dashboard of the panels with these titles, in two columns. Without titles, it returns the whole dashboard.
func (d dashboard) arrange(titles []string) (dashboard, error) {
	if len(titles) == 0 {
		return d, nil
	}
	chosen := dashboard{Title: d.Title}
	for i, title := range titles {
		at := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == title })
		if at < 0 {
			return d, fmt.Errorf("the dashboard has no panel %q", title)
		}
		p := d.Panels[at]
		p.GridPos = grid{X: 12 * (i % 2), Y: 8 * (i / 2), W: 12, H: 8}
		chosen.Panels = append(chosen.Panels, p)
	}
	return chosen, nil
}
