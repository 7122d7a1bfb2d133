// Command dashboard draws the Grafana dashboard of config/prometheus with data of a real run, as SVG. It starts a control plane, two
// replicas of the manager, simulated DeepCalls and a Prometheus that scrapes the replicas, lets a scenario happen, and queries each
// panel's expressions:
//
//	make dashboard-picture
//
// The run takes as long as its scenario. With -redraw, the command only draws the results of an earlier run.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// options are the flags of the command.
type options struct {
	scenario, dashboard, manager, prometheus, data, out string
	redraw                                              bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctrl.SetLogger(logr.Discard())
	var o options
	flag.StringVar(&o.scenario, "scenario", "incidents", "what happens in the run: "+strings.Join(scenarioNames(), ", "))
	flag.StringVar(&o.dashboard, "dashboard", "config/prometheus/dashboard.json", "the dashboard")
	flag.StringVar(&o.manager, "manager", "bin/manager", "the built manager")
	flag.StringVar(&o.prometheus, "prometheus", "bin/prometheus", "the built hack/deploy/prometheus")
	flag.StringVar(&o.data, "data", "dist/dashboard/SCENARIO.json", "the file for the results of the queries")
	flag.StringVar(&o.out, "out", "", "the picture (default: that of the scenario in docs)")
	flag.BoolVar(&o.redraw, "redraw", false, "draw the results in -data without a run")
	flag.Parse()
	o.data = strings.ReplaceAll(o.data, "SCENARIO", o.scenario)
	err := o.run(ctx, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "dashboard: %v\n", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context, progress io.Writer) error {
	chosen, ok := scenarios[o.scenario]
	if !ok {
		return fmt.Errorf("there is no scenario %q", o.scenario)
	}
	o.out = cmp.Or(o.out, chosen.picture)
	board, err := readDashboard(o.dashboard)
	if err != nil {
		return err
	}
	if board, err = board.arrange(chosen.panels); err != nil {
		return err
	}
	var results recording
	if o.redraw {
		err = readJSON(o.data, &results)
	} else {
		results, err = o.record(ctx, chosen, board, progress)
	}
	if err != nil {
		return err
	}
	for _, p := range board.Panels {
		if p.Type != typeRow && results.isEmpty(p) {
			fmt.Fprintf(progress, "no data: %s\n", p.Title)
		}
	}
	if err := os.WriteFile(o.out, []byte(draw(board, results)), 0o644); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	fmt.Fprintf(progress, "wrote %s\n", o.out)
	return nil
}

// record lets the scenario happen, and writes the results of the panels' queries to the file for them.
func (o options) record(ctx context.Context, chosen scenario, board dashboard, progress io.Writer) (results recording, err error) {
	e, err := startEnvironment(ctx, o, chosen, progress)
	if err != nil {
		return results, err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	if err := chosen.run(ctx, e); err != nil {
		return results, err
	}
	if results, err = e.query(ctx, board); err != nil {
		return results, err
	}
	text, err := json.Marshal(results)
	if err != nil {
		return results, fmt.Errorf("encode the results: %w", err)
	}
	return results, errors.Join(os.MkdirAll(filepath.Dir(o.data), 0o755), os.WriteFile(o.data, text, 0o644))
}

func readJSON(path string, value any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func scenarioNames() []string {
	var names []string
	for name := range scenarios {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
