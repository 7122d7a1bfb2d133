// Package text formats the output of all commands.
package text

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// WriteTable prints rows with aligned columns. The first row usually is the header.
func WriteTable(w io.Writer, rows [][]string) error {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = SingleLine(cell)
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("format the table: %w", err)
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	return nil
}

// SingleLine replaces line breaks by spaces, and removes control characters, which a terminal would interpret.
func SingleLine(text string) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || unicode.IsSpace(r) {
			return r
		}
		return -1
	}, text)
	return strings.Join(strings.Fields(printable), " ")
}

// YesNo formats a value that may be unknown.
func YesNo(value *bool) string {
	switch {
	case value == nil:
		return "-"
	case *value:
		return "yes"
	default:
		return "no"
	}
}

// Count formats a number with a noun, such as "1 mapping" or "2 mappings".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// List joins items with commas. It omits those beyond the limit, and counts them.
func List[T any](items []T, limit int) string {
	var listed []string
	for _, item := range items[:min(len(items), limit)] {
		listed = append(listed, fmt.Sprint(item))
	}
	list := strings.Join(listed, ", ")
	if more := len(items) - limit; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// Groups lists the IDs of groups, such as "groups 90, 91 and 3 more".
func Groups(ids []string, limit int) string {
	if len(ids) == 1 {
		return "group " + ids[0]
	}
	return "groups " + List(ids, limit)
}
