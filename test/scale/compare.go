package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// compareFiles compares two result files.
func compareFiles(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("usage: scale compare OLD.json NEW.json")
	}
	before, err := readResult(args[0])
	if err != nil {
		return err
	}
	after, err := readResult(args[1])
	if err != nil {
		return err
	}
	return compare(out, before, after)
}

func readResult(path string) (*result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &result{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if r.Version != version {
		return nil, fmt.Errorf("%s has version %d; this program reads version %d", path, r.Version, version)
	}
	return r, nil
}

// compare prints the operator's figures of both results and their ratio. The ratio of the floor's figures shows how
// comparable the machines were.
func compare(out io.Writer, before, after *result) error {
	fmt.Fprintf(out, "old: %s, %s\nnew: %s, %s\n", before.Commit, before.conditions(), after.Commit, after.conditions())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last, found := "", 0
	for _, old := range before.Rows {
		i := slices.IndexFunc(after.Rows, func(r row) bool { return r.key() == old.key() })
		if i < 0 || old.Operator == nil || after.Rows[i].Operator == nil {
			continue
		}
		found++
		current := after.Rows[i]
		if title := old.title(); title != last {
			last = title
			fmt.Fprintf(w, "\n%s\t\told\tnew\tnew/old\tfloor new/old\n", title)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", old.Name, old.Unit, formatNumbers(old.Operator, current.Operator,
			divide(current.Operator, old.Operator), divide(current.Floor, old.Floor)))
	}
	if found == 0 {
		return errors.New("the results have no row in common")
	}
	return w.Flush()
}

func (r *result) conditions() string {
	return fmt.Sprintf("%d CPUs, latency %s, %d workers, %d groups, %d pairs",
		r.CPUs, r.Config.Latency, r.Config.Workers, r.Config.Groups, r.Config.Pairs)
}

// divide returns nil if there is no quotient.
func divide(a, b *float64) *float64 {
	if a == nil || b == nil || *b == 0 {
		return nil
	}
	return new(*a / *b)
}
