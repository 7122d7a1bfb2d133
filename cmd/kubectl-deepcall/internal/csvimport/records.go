package csvimport

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// row is one line of the file, not validated yet.
type row struct {
	line                   int
	agent, group, receives string
}

// The required columns.
const (
	columnAgent    = "agent"
	columnGroup    = "group"
	columnReceives = "receives"
)

// parseRows parses the file into rows. Problems with the file as a whole are reported for its first line.
func parseRows(data []byte) ([]row, []Problem) {
	data, problem := decodeUTF8(data)
	if problem != "" {
		return nil, []Problem{{1, problem}}
	}
	records := readRecords(data, detectComma(data))
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
		switch {
		case r.malformed:
			problems = append(problems, Problem{r.line, malformedQuotes})
		case isBlank(r.fields): // spreadsheets export such lines below a table
		case len(r.fields) != len(header.fields):
			problems = append(problems, Problem{r.line, fmt.Sprintf("got %d columns, but the first line has %d", len(r.fields), len(header.fields))})
		default:
			field := func(column string) string { return strings.TrimSpace(r.fields[columns[column]]) }
			rows = append(rows, row{r.line, field(columnAgent), field(columnGroup), field(columnReceives)})
		}
	}
	return rows, problems
}

// record is a CSV record, or the start of one that can't be parsed.
type record struct {
	line      int
	fields    []string
	malformed bool
}

const malformedQuotes = `a quote (") must enclose a whole field`

// readRecords reads all records. After a malformed record it continues on the next line, so that an unclosed quote does
// not hide the problems below it.
func readRecords(data []byte, comma rune) []record {
	var records []record
	for offset := 0; ; {
		read, malformed := readUntilMalformed(data, comma)
		for _, r := range read {
			r.line += offset
			records = append(records, r)
		}
		if malformed == 0 {
			return records
		}
		records = append(records, record{line: offset + malformed, malformed: true})
		for range malformed {
			_, data, _ = bytes.Cut(data, []byte("\n"))
		}
		offset += malformed
	}
}

// readUntilMalformed returns the records before the first malformed one, and the line of that, or 0.
func readUntilMalformed(data []byte, comma rune) (records []record, malformed int) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comma = comma
	reader.FieldsPerRecord = -1 // parseRows checks it
	reader.TrimLeadingSpace = comma != '\t'
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

// decodeUTF8 removes a byte order mark. It returns a problem if the data is not UTF-8.
func decodeUTF8(data []byte) ([]byte, string) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return nil, "the file is encoded in UTF-16: save it as CSV UTF-8"
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			return nil, fmt.Sprintf("the file is not encoded in UTF-8 (see line %d): save it as CSV UTF-8", i+1)
		}
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), ""
}

// detectComma returns the most frequent separator of the first line. Spreadsheets use semicolons in some locales, and
// tabs when cells are copied.
func detectComma(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best := ','
	for _, candidate := range ";\t" {
		if strings.Count(string(header), string(candidate)) > strings.Count(string(header), string(best)) {
			best = candidate
		}
	}
	return best
}

// findColumns returns the indexes of the required columns, which may be in any order and case. It ignores others.
func findColumns(header []string) (map[string]int, string) {
	columns := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains([]string{columnAgent, columnGroup, columnReceives}, name) {
			continue
		}
		if _, exists := columns[name]; exists {
			return nil, fmt.Sprintf("duplicate column %s", name)
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
		return nil, fmt.Sprintf("missing column %s: the first line must name the columns agent, group and receives", strings.Join(missing, ", "))
	}
	return columns, ""
}

func isBlank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
}
