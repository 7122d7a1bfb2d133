package preview

import (
	"fmt"
	"io"
	"strings"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// Table prints the document as tables for a terminal.
func Table(w io.Writer, d Document) error {
	return d.writeTables(w, d.Groups, d.Requests)
}

// Changes prints the groups that change, without the requests.
func Changes(w io.Writer, d Document) error {
	changed, _ := d.split()
	return d.writeTables(w, changed, nil)
}

func (d Document) writeTables(w io.Writer, groups []effect.Group, requests []effect.Request) error {
	out := &strings.Builder{}
	if len(groups) > 0 {
		columns := d.columns()
		rows := make([][]string, 1+len(groups))
		for _, c := range columns {
			rows[0] = append(rows[0], c.header)
			for i, g := range groups {
				rows[i+1] = append(rows[i+1], c.cell(g))
			}
		}
		if err := text.WriteTable(out, rows); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	if len(requests) > 0 {
		rows := [][]string{{"REQUEST FOR AGENT", "MAPPING", "GROUPS"}}
		for _, r := range requests {
			rows = append(rows, []string{r.AgentID, r.Mapping.String(), describeRequest(r)})
		}
		if err := text.WriteTable(out, rows); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	for _, warning := range d.Warnings {
		fmt.Fprintf(out, "warning: %s\n", text.SingleLine(warning.Message))
	}
	for _, note := range d.Notes {
		fmt.Fprintf(out, "note: %s\n", text.SingleLine(note))
	}
	fmt.Fprintln(out, d.summary())
	_, err := io.WriteString(w, out.String())
	return err
}
