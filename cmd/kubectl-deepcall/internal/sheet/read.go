package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// row is one line of the table, not checked yet.
type row struct {
	line                   int
	agent, group, receives string
}

// The columns that must be there.
const (
	columnAgent    = "agent"
	columnGroup    = "group"
	columnReceives = "receives"
)

// read splits the table into rows. Complaints about the table as a whole name its first line.
func read(data []byte) ([]row, []Problem) {
	data, complaint := decoded(data)
	if complaint != "" {
		return nil, []Problem{{1, complaint}}
	}
	records := split(data, separator(data))
	if len(records) == 0 {
		return nil, []Problem{{1, "the table is empty: it begins with the line agent,group,receives"}}
	}
	header := records[0]
	if header.broken {
		return nil, []Problem{{header.line, brokenQuote}}
	}
	columns, complaint := columnsOf(header.fields)
	if complaint != "" {
		return nil, []Problem{{header.line, complaint}}
	}
	var rows []row
	var problems []Problem
	for _, r := range records[1:] {
		switch {
		case r.broken:
			problems = append(problems, Problem{r.line, brokenQuote})
		case blank(r.fields): // spreadsheets leave such lines below a table
		case len(r.fields) != len(header.fields):
			problems = append(problems, Problem{r.line, fmt.Sprintf("%d columns, where the first line has %d", len(r.fields), len(header.fields))})
		default:
			field := func(column string) string { return strings.TrimSpace(r.fields[columns[column]]) }
			rows = append(rows, row{r.line, field(columnAgent), field(columnGroup), field(columnReceives)})
		}
	}
	return rows, problems
}

// record is a line of CSV, or what began there and can't be read.
type record struct {
	line   int
	fields []string
	broken bool
}

const brokenQuote = `a quote (") that does not open and close a whole field`

// split reads the CSV. After a line whose quotes are broken it begins anew, so that an open quote hides nothing below it.
func split(data []byte, comma rune) []record {
	var records []record
	for passed := 0; ; {
		read, bad := splitUntilBroken(data, comma)
		for _, r := range read {
			r.line += passed
			records = append(records, r)
		}
		if bad == 0 {
			return records
		}
		records = append(records, record{line: passed + bad, broken: true})
		for range bad {
			_, data, _ = bytes.Cut(data, []byte("\n"))
		}
		passed += bad
	}
}

// splitUntilBroken returns the records before the first that can't be read, and the line where that begins.
func splitUntilBroken(data []byte, comma rune) (records []record, bad int) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comma = comma
	reader.FieldsPerRecord = -1 // counted with better words
	reader.TrimLeadingSpace = comma != '\t'
	for {
		fields, err := reader.Read()
		var malformed *csv.ParseError
		if errors.As(err, &malformed) {
			return records, malformed.StartLine
		}
		if err != nil {
			return records, 0 // the end: bytes in memory have no other error
		}
		line, _ := reader.FieldPos(0)
		records = append(records, record{line: line, fields: fields})
	}
}

// decoded is the table as UTF-8 without a byte order mark.
func decoded(data []byte) ([]byte, string) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return nil, "the table is in UTF-16: save it as CSV UTF-8"
	}
	if line, ok := firstInvalid(data); ok {
		return nil, fmt.Sprintf("the table is not in UTF-8 (see line %d): save it as CSV UTF-8", line)
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), ""
}

func firstInvalid(data []byte) (line int, found bool) {
	for line, text := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(text) {
			return line + 1, true
		}
	}
	return 0, false
}

// separator is what parts the first line most: some languages' spreadsheets write semicolons, and a copied table has tabs.
func separator(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best := ','
	for _, candidate := range ";\t" {
		if strings.Count(string(header), string(candidate)) > strings.Count(string(header), string(best)) {
			best = candidate
		}
	}
	return best
}

// columnsOf finds the three columns, in any order and case. Others, such as a name, are no matter.
func columnsOf(header []string) (map[string]int, string) {
	columns := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains([]string{columnAgent, columnGroup, columnReceives}, name) {
			continue
		}
		if _, twice := columns[name]; twice {
			return nil, fmt.Sprintf("there are two columns %s", name)
		}
		columns[name] = i
	}
	var missing []string
	for _, name := range []string{columnAgent, columnGroup, columnReceives} {
		if _, ok := columns[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Sprintf("no column %s: the first line names the columns agent, group and receives", strings.Join(missing, " and "))
	}
	return columns, ""
}

func blank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
}
