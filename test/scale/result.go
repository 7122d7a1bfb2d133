package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// version is that of result.json. It counts up when an older program could misread it.
const version = 1

// result is all that was measured.
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

// round is one run of a floor or a manager in one scenario.
type round struct {
	Scenario string   `json:"scenario"`
	Who      string   `json:"who"`
	Pair     int      `json:"pair,omitempty"`
	Mappings int      `json:"mappings"`
	Figures  []figure `json:"figures"`
	// Samples are single measurements, in milliseconds.
	Samples []float64 `json:"samples,omitempty"`
	// Curve is how many mappings were Ready after how many seconds.
	Curve []point `json:"curve,omitempty"`
}

// figure is one thing that was measured.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
}

// Who is measured.
const (
	theFloor    = "floor"
	theOperator = "operator"
)

func newResult(ctx context.Context, c config) *result {
	return &result{
		Version: version, Time: time.Now().UTC().Truncate(time.Second), Commit: commit(ctx), Manager: builtAs(ctx, c.manager),
		Go: runtime.Version(), CPUs: runtime.NumCPU(), Config: c,
	}
}

// commit is that of the source, with the mark of changes that are not committed.
func commit(ctx context.Context) string {
	output, err := exec.CommandContext(ctx, "git", "-C", testenv.Root(), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(output))
}

// builtAs is what the manager says of itself.
func builtAs(ctx context.Context, manager string) string {
	output, err := exec.CommandContext(ctx, manager, "--version").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(output))
}

func (r *round) add(name, unit string, value float64) {
	r.Figures = append(r.Figures, figure{name, unit, value})
}

// addWrites tells of writes, all together and by kind.
func (r *round) addWrites(w writes) {
	r.add("writes", "", w.total())
	for _, kind := range sortedKeys(w) {
		r.add("  "+kind, "", w[kind])
	}
}

// publish prints the table, and writes the files.
func (r *result) publish(directory string, stdout io.Writer) error {
	if len(r.Rounds) == 0 {
		return nil
	}
	r.Rows = rowsOf(r.Rounds)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", directory, err)
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return errors.Join(
		writeTable(stdout, r.Rows),
		os.WriteFile(filepath.Join(directory, "result.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(directory, "converged.svg"), []byte(plot(r.Rounds)), 0o644),
	)
}
