package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// row is one line of the table, with the medians of all rounds.
type row struct {
	Scenario string   `json:"scenario"`
	Mappings int      `json:"mappings"`
	Name     string   `json:"name"`
	Unit     string   `json:"unit,omitempty"`
	Floor    *float64 `json:"floor,omitempty"`
	Operator *float64 `json:"operator,omitempty"`
	// Ratio is the ratio of the medians, PairRatio the median ratio of a pair. Low and High are the ends of its 95 %
	// confidence interval; fewer than 6 pairs have none.
	Ratio     *float64 `json:"ratio,omitempty"`
	PairRatio *float64 `json:"pairRatio,omitempty"`
	Low       *float64 `json:"low,omitempty"`
	High      *float64 `json:"high,omitempty"`
}

// rowKey identifies the same row in two results.
type rowKey struct {
	scenario string
	mappings int
	name     string
}

func (r row) key() rowKey { return rowKey{r.Scenario, r.Mappings, r.Name} }

func (r row) title() string { return fmt.Sprintf("%s, %d mappings", r.Scenario, r.Mappings) }

// newRows summarizes the rounds, in the order of the operator's figures.
func newRows(rounds []round) []row {
	var rows []row
	seen := map[rowKey]bool{}
	sorted := slices.Clone(rounds)
	slices.SortStableFunc(sorted, func(a, b round) int {
		return cmp.Or(slices.Index(scenarios, a.Scenario)-slices.Index(scenarios, b.Scenario), a.Mappings-b.Mappings,
			strings.Compare(b.Subject, a.Subject))
	})
	for _, r := range sorted {
		for _, f := range r.Figures {
			row := row{Scenario: r.Scenario, Mappings: r.Mappings, Name: f.Name, Unit: f.Unit}
			if seen[row.key()] {
				continue
			}
			seen[row.key()] = true
			row.compute(rounds)
			rows = append(rows, row)
		}
	}
	return rows
}

func (r *row) compute(rounds []round) {
	floors, operators := r.values(rounds, subjectFloor), r.values(rounds, subjectOperator)
	r.Floor, r.Operator = medianOf(floors), medianOf(operators)
	if r.Floor == nil || r.Operator == nil || *r.Floor == 0 {
		return
	}
	r.Ratio = divide(r.Operator, r.Floor)
	var ratios []float64
	for pair, operator := range operators {
		if floor := floors[pair]; floor > 0 {
			ratios = append(ratios, operator/floor)
		}
	}
	r.PairRatio = new(median(ratios))
	if low, high, ok := interval(ratios); ok {
		r.Low, r.High = &low, &high
	}
}

// values returns the values of a subject by pair.
func (r *row) values(rounds []round, subject string) map[int]float64 {
	values := map[int]float64{}
	for _, round := range rounds {
		if round.Subject != subject || round.Scenario != r.Scenario || round.Mappings != r.Mappings {
			continue
		}
		for _, f := range round.Figures {
			if f.Name == r.Name {
				values[round.Pair] = f.Value
			}
		}
	}
	return values
}

func medianOf(values map[int]float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	return new(median(slices.Collect(maps.Values(values))))
}

func writeTable(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := ""
	for _, r := range rows {
		if title := r.title(); title != last {
			last = title
			fmt.Fprintf(w, "\n%s\t\tfloor\toperator\tratio\tpair ratio\tfrom\tto\n", title)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.Unit, formatNumbers(r.Floor, r.Operator, r.Ratio, r.PairRatio, r.Low, r.High))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if text := r.verdict(); text != "" {
			fmt.Fprintf(out, "\n%s: %s\n", r.title(), text)
		}
	}
	return nil
}

// maxRatio is the largest ratio of the times to converge that this project accepts.
const maxRatio = 1.10

// verdict returns what the interval of the ratio of the times to converge says about maxRatio, or "" for other rows.
func (r row) verdict() string {
	switch {
	case r.Name != timeToConverge || r.PairRatio == nil:
		return ""
	case r.Low == nil:
		return "no conclusion: fewer than 6 pairs"
	case *r.High <= maxRatio:
		return fmt.Sprintf("the operator takes at most %.2f times as long as the floor", maxRatio)
	case *r.Low > maxRatio:
		return fmt.Sprintf("the operator takes more than %.2f times as long as the floor", maxRatio)
	default:
		return fmt.Sprintf("no conclusion: the machine was too noisy, so that %.2f is within the interval of %.3f to %.3f; use more --pairs",
			maxRatio, *r.Low, *r.High)
	}
}

// formatNumbers formats the values of a row with three digits, whole numbers with all digits, and nil as "-".
func formatNumbers(values ...*float64) string {
	cells := make([]string, len(values))
	for i, value := range values {
		switch {
		case value == nil:
			cells[i] = "-"
		case *value == float64(int64(*value)):
			cells[i] = strconv.FormatInt(int64(*value), 10)
		case *value >= 100 || *value <= -100:
			cells[i] = strconv.FormatFloat(*value, 'f', 0, 64)
		default:
			cells[i] = strconv.FormatFloat(*value, 'g', 3, 64)
		}
	}
	return strings.Join(cells, "\t")
}
