package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// version is the version of the format of result.json. An incompatible change increments it.
const version = 1

// result is the content of result.json.
type result struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Commit  string    `json:"commit"`
	Manager string    `json:"manager"`
	Go      string    `json:"go"`
	CPUs    int       `json:"cpus"`
	Config  config    `json:"config"`
	Rows    []row     `json:"rows"`
	Rounds  []round   `json:"rounds"`
}

// round is one measurement of a subject in a scenario.
type round struct {
	Scenario string   `json:"scenario"`
	Subject  string   `json:"who"`
	Pair     int      `json:"pair,omitempty"`
	Mappings int      `json:"mappings"`
	Figures  []figure `json:"figures"`
	// Samples are the single measurements in milliseconds.
	Samples []float64 `json:"samples,omitempty"`
	// Curve is the number of Ready mappings over time.
	Curve []point `json:"curve,omitempty"`
}

// figure is one measured value.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
}

// The subjects of a measurement.
const (
	subjectFloor    = "floor"
	subjectOperator = "operator"
)

func newResult(ctx context.Context, c config) *result {
	return &result{
		Version: version, Time: time.Now().UTC().Truncate(time.Second),
		// The commit is marked as dirty if there are uncommitted changes.
		Commit:  outputOf(ctx, "git", "-C", testenv.Root(), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"),
		Manager: outputOf(ctx, c.manager, "--version"),
		Go:      runtime.Version(), CPUs: runtime.NumCPU(), Config: c,
	}
}

// outputOf returns the output of a command, or "unknown" if it fails.
func outputOf(ctx context.Context, name string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(output))
}

func (r *round) add(name, unit string, value float64) {
	r.Figures = append(r.Figures, figure{name, unit, value})
}

func (r *round) value(name string) float64 {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}

// addWrites adds the number of writes, in total and by kind.
func (r *round) addWrites(w writes) {
	r.add("writes", "", w.total())
	for _, kind := range slices.Sorted(maps.Keys(w)) {
		r.add("  "+kind, "", w[kind])
	}
}

// publish prints the table and writes the files to a directory.
func (r *result) publish(directory string, stdout io.Writer) error {
	if len(r.Rounds) == 0 {
		return nil
	}
	r.Rows = newRows(r.Rounds)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return fmt.Errorf("create %s: %w", directory, err)
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	err = errors.Join(writeTable(stdout, r.Rows), os.WriteFile(filepath.Join(directory, "result.json"), append(text, '\n'), 0o644))
	if svg := plot(r.Rounds); svg != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(directory, "converged.svg"), []byte(svg), 0o644))
	}
	return err
}
