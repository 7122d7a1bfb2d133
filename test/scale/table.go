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

// row is one line of the table: medians, if there are several rounds.
type row struct {
	Scenario string   `json:"scenario"`
	Mappings int      `json:"mappings"`
	Name     string   `json:"name"`
	Unit     string   `json:"unit,omitempty"`
	Floor    *float64 `json:"floor,omitempty"`
	Operator *float64 `json:"operator,omitempty"`
	// Ratio is of the medians, PairRatio the median of the pairs' ratios.
	Ratio     *float64 `json:"ratio,omitempty"`
	PairRatio *float64 `json:"pairRatio,omitempty"`
}

// rowKey is what rows of two results have in common.
type rowKey struct {
	scenario string
	mappings int
	name     string
}

func (r row) key() rowKey { return rowKey{r.Scenario, r.Mappings, r.Name} }

// rowsOf sums up the rounds, in the order in which the operator's figures first appear.
func rowsOf(rounds []round) []row {
	var rows []row
	seen := map[rowKey]bool{}
	leading := slices.Clone(rounds)
	slices.SortStableFunc(leading, func(a, b round) int {
		return cmp.Or(slices.Index(scenarios, a.Scenario)-slices.Index(scenarios, b.Scenario), a.Mappings-b.Mappings,
			strings.Compare(b.Who, a.Who))
	})
	for _, r := range leading {
		for _, f := range r.Figures {
			made := row{Scenario: r.Scenario, Mappings: r.Mappings, Name: f.Name, Unit: f.Unit}
			if seen[made.key()] {
				continue
			}
			seen[made.key()] = true
			made.compute(rounds)
			rows = append(rows, made)
		}
	}
	return rows
}

func (r *row) compute(rounds []round) {
	floors, operators := r.valuesOf(rounds, theFloor), r.valuesOf(rounds, theOperator)
	r.Floor, r.Operator = medianOf(floors), medianOf(operators)
	if r.Floor == nil || r.Operator == nil || *r.Floor == 0 {
		return
	}
	r.Ratio = new(*r.Operator / *r.Floor)
	var ratios []float64
	for pair, operator := range operators {
		if floor := floors[pair]; floor > 0 {
			ratios = append(ratios, operator/floor)
		}
	}
	r.PairRatio = new(median(ratios))
}

// valuesOf are the values of a row by pair.
func (r *row) valuesOf(rounds []round, who string) map[int]float64 {
	values := map[int]float64{}
	for _, round := range rounds {
		if round.Who != who || round.Scenario != r.Scenario || round.Mappings != r.Mappings {
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

// writeTable prints the rows.
func writeTable(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := ""
	for _, r := range rows {
		if title := fmt.Sprintf("%s, %d mappings", r.Scenario, r.Mappings); title != last {
			last = title
			fmt.Fprintf(w, "\n%s\t\tfloor\toperator\tratio\tof pairs\n", title)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Unit, number(r.Floor), number(r.Operator), number(r.Ratio), number(r.PairRatio))
	}
	return w.Flush()
}

// number shows three digits, or all of a whole number; nothing for none.
func number(value *float64) string {
	switch {
	case value == nil:
		return "-"
	case *value == float64(int64(*value)):
		return strconv.FormatInt(int64(*value), 10)
	case *value >= 100 || *value <= -100:
		return strconv.FormatFloat(*value, 'f', 0, 64)
	default:
		return strconv.FormatFloat(*value, 'g', 3, 64)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
