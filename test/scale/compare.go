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

// compareFiles prints how the second result differs from the first.
func compareFiles(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("write: scale compare OLD.json NEW.json")
	}
	older, err := readResult(args[0])
	if err != nil {
		return err
	}
	newer, err := readResult(args[1])
	if err != nil {
		return err
	}
	return compare(out, older, newer)
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

// compare prints the operator's figures of both, and their ratio; that of the floor beside it tells whether the
// machine was the same.
func compare(out io.Writer, older, newer *result) error {
	fmt.Fprintf(out, "old: %s, %s\nnew: %s, %s\n", older.Commit, older.conditions(), newer.Commit, newer.conditions())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last, found := "", 0
	for _, was := range older.Rows {
		at := slices.IndexFunc(newer.Rows, func(r row) bool { return r.key() == was.key() })
		if at < 0 || was.Operator == nil || newer.Rows[at].Operator == nil {
			continue
		}
		found++
		is := newer.Rows[at]
		if title := was.title(); title != last {
			last = title
			fmt.Fprintf(w, "\n%s\t\told\tnew\tnew/old\tfloor's\n", title)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", was.Name, was.Unit,
			number(was.Operator), number(is.Operator), number(quotient(is.Operator, was.Operator)), number(quotient(is.Floor, was.Floor)))
	}
	if found == 0 {
		return errors.New("the two results have no row in common")
	}
	return w.Flush()
}

func (r *result) conditions() string {
	return fmt.Sprintf("%d CPUs, latency %s, %d workers, %d groups, %d pairs",
		r.CPUs, r.Config.Latency, r.Config.Workers, r.Config.Groups, r.Config.Pairs)
}

// quotient is nil where there is none.
func quotient(a, b *float64) *float64 {
	if a == nil || b == nil || *b == 0 {
		return nil
	}
	return new(*a / *b)
}
