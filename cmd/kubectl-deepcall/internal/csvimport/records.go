package csvimport

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The columns that are imported. The required ones are first; the others are those of an exported roster.
const (
	columnAgent      = "agent"
	columnGroup      = "group"
	columnReceives   = "receives"
	columnNamespace  = "namespace"
	columnMapping    = "mapping"
	columnAccount    = "account"
	columnDeclared   = "declared"
	columnInSync     = "in_sync"
	columnGeneration = "generation"
	columnComplete   = "complete"
)

var (
	requiredColumns = []string{columnAgent, columnGroup, columnReceives}
	knownColumns    = append(slices.Clone(requiredColumns), columnNamespace, columnMapping, columnAccount, columnDeclared, columnInSync,
		columnGeneration, columnComplete)
)

// row is one line of the file, not validated yet.
type row struct {
	line int
	// cells are the cells of the known columns that are not empty, without surrounding spaces.
	cells map[string]string
}

// NamesAccounts reports whether the file has a column with the accounts of the agents.
func NamesAccounts(data []byte) bool {
	text, _ := decode(data)
	text = blankSeparatorLine(text)
	return slices.Contains(normalize(firstRecord(text, detectSeparator(text))), columnAccount)
}

// parseRows parses the file into rows. Problems with the file as a whole are reported for its first line.
func parseRows(data []byte) ([]row, []Problem) {
	text, problem := decode(data)
	if problem != "" {
		return nil, []Problem{{1, problem}}
	}
	text = blankSeparatorLine(text)
	records := readRecords(text, detectSeparator(text))
	if len(records) == 0 {
		return nil, []Problem{{1, "the file is empty: the first line must be agent,group,receives"}}
	}
	header := records[0]
	if header.malformed {
		return nil, []Problem{{header.line, malformedQuotes}}
	}
	columns, problem := findColumns(header.fields)
	if problem != "" {
		return nil, []Problem{{header.line, problem}}
	}
	var rows []row
	var problems []Problem
	for _, r := range records[1:] {
		switch width := len(trimEnd(r.fields)); {
		case r.malformed:
			problems = append(problems, Problem{r.line, malformedQuotes})
		case width > len(header.fields):
			problems = append(problems, Problem{r.line, fmt.Sprintf("got %d columns, but the first line has %d", width, len(header.fields))})
		case isRemark(r.fields, header.fields): // below or beside the table
		default:
			rows = append(rows, newRow(r, columns))
		}
	}
	return rows, problems
}

// isRemark reports whether only columns without a heading have contents.
func isRemark(fields, header []string) bool {
	for i, field := range trimEnd(fields) {
		if strings.TrimSpace(field) != "" && strings.TrimSpace(header[i]) != "" {
			return false
		}
	}
	return true
}

func newRow(r record, columns map[string]int) row {
	cells := map[string]string{}
	for column, i := range columns {
		if i < len(r.fields) {
			if cell := strings.TrimSpace(r.fields[i]); cell != "" {
				cells[column] = cell
			}
		}
	}
	return row{r.line, cells}
}

// record is a CSV record, or the start of one that can't be parsed.
type record struct {
	line      int
	fields    []string
	malformed bool
}

const malformedQuotes = `a quote (") must enclose a whole field`

// readRecords reads all records that are not blank. After a malformed record it continues on the next line, so that an unclosed
// quote does not hide the problems below it.
func readRecords(text []byte, separator rune) []record {
	var records []record
	for offset := 0; ; {
		read, malformed := readUntilMalformed(text, separator)
		for _, r := range read {
			r.line += offset
			records = append(records, r)
		}
		if malformed == 0 {
			return slices.DeleteFunc(records, func(r record) bool { return isBlank(r.fields) && !r.malformed })
		}
		var line []byte
		for range malformed {
			line, text, _ = bytes.Cut(text, []byte("\n"))
		}
		offset += malformed
		records = append(records, unreadable(offset, string(line), separator))
	}
}

// unreadable returns the record of a line with malformed quotes. Between tabs, it splits the line regardless of them, because
// spreadsheets copy cells, and Google Sheets exports them, without adding quotes.
func unreadable(number int, line string, separator rune) record {
	if separator == '\t' {
		return record{line: number, fields: strings.Split(line, "\t")}
	}
	return record{line: number, malformed: true}
}

// readUntilMalformed returns the records before the first malformed one, and the line of that, or 0.
func readUntilMalformed(text []byte, separator rune) (records []record, malformed int) {
	reader := newReader(text, separator)
	for {
		fields, err := reader.Read()
		var parseErr *csv.ParseError
		if errors.As(err, &parseErr) {
			return records, parseErr.StartLine
		}
		if err != nil {
			return records, 0 // io.EOF
		}
		line, _ := reader.FieldPos(0)
		records = append(records, record{line: line, fields: fields})
	}
}

func newReader(text []byte, separator rune) *csv.Reader {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma = separator
	reader.FieldsPerRecord = -1 // parseRows checks it
	reader.TrimLeadingSpace = separator != '\t'
	return reader
}

func isBlank(fields []string) bool { return len(trimEnd(fields)) == 0 }

// trimEnd removes empty fields at the end: spreadsheets write as many as the widest line has, or fewer.
func trimEnd(fields []string) []string {
	for len(fields) > 0 && strings.TrimSpace(fields[len(fields)-1]) == "" {
		fields = fields[:len(fields)-1]
	}
	return fields
}

// separators are those that spreadsheets write: semicolons where the decimal separator is a comma, and tabs if cells are copied.
const separators = ",;\t|"

// detectSeparator returns the separator with which the first line has most of the required columns. It does not count
// characters, because a heading can contain any of them.
func detectSeparator(text []byte) rune {
	best, most := ',', 0
	for _, separator := range separators {
		found := 0
		for _, name := range normalize(firstRecord(text, separator)) {
			if slices.Contains(requiredColumns, name) {
				found++
			}
		}
		if found > most {
			best, most = separator, found
		}
	}
	return best
}

// firstRecord returns the fields of the first record that is not blank. It returns none if the record can't be parsed.
func firstRecord(text []byte, separator rune) []string {
	for reader := newReader(text, separator); ; {
		fields, err := reader.Read()
		switch {
		case err != nil:
			return nil
		case !isBlank(fields):
			return fields
		}
	}
}

func normalize(header []string) []string {
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	return names
}

// findColumns returns the indexes of the known columns, which may be in any order and case. It ignores others.
func findColumns(header []string) (map[string]int, string) {
	columns := map[string]int{}
	for i, name := range normalize(header) {
		if !slices.Contains(knownColumns, name) {
			continue
		}
		if _, exists := columns[name]; exists {
			return nil, fmt.Sprintf("duplicate column %s", name)
		}
		columns[name] = i
	}
	var missing []string
	for _, name := range requiredColumns {
		if _, ok := columns[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Sprintf("missing column %s: the first line must name the columns agent, group and receives", strings.Join(missing, ", "))
	}
	return columns, ""
}
