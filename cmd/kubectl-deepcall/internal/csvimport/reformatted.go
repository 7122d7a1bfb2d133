package csvimport

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A spreadsheet takes an ID such as 007, 1E5 or 3-1 for a number or a date, and saves another text: 7, 100000 or 2026-01-03. The
// original is lost, but if an ID exists that gives this text, it is probably meant. Two IDs are compared by keys: an original ID has
// the keys of the texts that it can turn into, and a saved ID those of the originals that it can come from.

// idIndex contains the original IDs by key.
type idIndex map[string][]string

func (x idIndex) add(id string) {
	for _, key := range originalKeys(id) {
		if !slices.Contains(x[key], id) {
			x[key] = append(x[key], id)
		}
	}
}

// find returns an original that a spreadsheet may have turned into the saved ID, or an empty string.
func (x idIndex) find(saved string) string {
	for _, key := range savedKeys(saved) {
		for _, original := range x[key] {
			if original != saved && !(staysTheSame(original) && digits.MatchString(saved)) {
				return original
			}
		}
	}
	return ""
}

// staysTheSame reports whether a spreadsheet saves the ID as it is, unless it formats it with separators or an exponent.
func staysTheSame(id string) bool { return plainNumber.MatchString(id) && len(id) <= maxDigits }

// looksReformatted reports whether the text is a number or a date as spreadsheets save it.
func looksReformatted(saved string) bool { return len(savedKeys(saved)) > 0 }

// maxDigits is the number of digits that spreadsheets keep of a number.
const maxDigits = 15

var (
	digits      = regexp.MustCompile(`^[0-9]+$`)
	plainNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	number      = regexp.MustCompile(`^([0-9]+)(?:[.,]([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$`)
	notDigit    = regexp.MustCompile(`[^0-9]`)
	// thousands matches a number with separators of thousands, which differ by locale.
	thousands = regexp.MustCompile(`^[0-9]{1,3}([.,'’ \x{a0}\x{202f}][0-9]{3})+$`)
)

func originalKeys(id string) []string {
	keys := numberKeys(id)
	if plainNumber.MatchString(id) {
		for n := 3; n <= maxDigits && n < len(id); n++ {
			keys = append(keys, "rounded "+decimal(round(id, n), len(id)-n))
		}
		if len(id) > maxDigits {
			keys = append(keys, "rounded "+decimal(id[:maxDigits], len(id)-maxDigits)) // Excel does not round
		}
	}
	if parts, ok := dateParts(id); ok {
		keys = append(keys, dateKey(parts...))
	}
	return keys
}

func savedKeys(text string) []string {
	keys := numberKeys(text)
	if m := number.FindStringSubmatch(text); m != nil && (m[3] != "" || len(m[1]) > maxDigits) {
		keys = append(keys, "rounded "+strings.TrimPrefix(keys[0], "number "))
	}
	if parts, ok := dateParts(text); ok && isDate(text) {
		for i := range parts {
			keys = append(keys, dateKey(slices.Delete(slices.Clone(parts), i, i+1)...))
		}
		keys = append(keys, dateKey(parts...))
	}
	return keys
}

// numberKeys returns the keys of a number: those of its value, without leading zeros, separators and exponents.
func numberKeys(text string) []string {
	var keys []string
	if m := number.FindStringSubmatch(text); m != nil {
		exponent, _ := strconv.Atoi(m[3]) // 0 if there is none
		keys = append(keys, "number "+decimal(m[1]+m[2], exponent-len(m[2])))
	}
	if thousands.MatchString(text) {
		keys = append(keys, "number "+decimal(notDigit.ReplaceAllString(text, ""), 0))
	}
	return keys
}

// decimal formats digits*10^exponent, so that equal values have equal texts.
func decimal(digits string, exponent int) string {
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return "0"
	}
	return fmt.Sprintf("%se%d", trimmed, exponent+len(digits)-len(trimmed))
}

// round rounds a number to its first n digits.
func round(id string, n int) string {
	value, _ := strconv.ParseInt(id[:n], 10, 64) // at most maxDigits
	if id[n] >= '5' {
		value++
	}
	return strconv.FormatInt(value, 10)
}

// months are the first letters of the months' names in English, German, French, Spanish, Italian and Dutch.
var months = [...]string{
	"jan jän ene gen", "feb fév fev", "mar mär mrz maa mrt", "apr avr abr", "may mai mag mei", "jun jui giu",
	"jul juil lug", "aug aoû ago", "sep set", "oct okt ott", "nov", "dec dez déc dic",
}

var (
	part = regexp.MustCompile(`[0-9]+|\p{L}+`)
	// isoOrLong matches dates with a year of four digits, or with two digits for each of day, month and year.
	isoOrLong = regexp.MustCompile(`^([0-9]{4}([-./])[0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./][0-9]{4}|[0-9]{2}[-./][0-9]{2}[-./][0-9]{2})$`)
	slashes   = regexp.MustCompile(`^[0-9]{1,4}(/[0-9]{1,4}){1,2}$`)
	// withMonth matches dates such as 1-Mar, Mar-26, 01. Mrz and 1 mars 2026.
	withMonth = regexp.MustCompile(`^([0-9]{1,2}[-./ ]+\p{L}{3,4}\.?|\p{L}{3,4}\.?[-./ ]+[0-9]{2,4}|[0-9]{1,2}[-./ ]+\p{L}{3,4}\.?[-./ ]+[0-9]{2,4})$`)
)

// isDate reports whether the text is a date as spreadsheets save it, and not an ID that they take for a date.
func isDate(text string) bool {
	return isoOrLong.MatchString(text) || slashes.MatchString(text) || withMonth.MatchString(text)
}

// dateParts returns the two or three numbers of a date: years without the century, and the numbers of months.
func dateParts(text string) (parts []int, ok bool) {
	for _, text := range part.FindAllString(text, -1) {
		value, err := strconv.Atoi(text)
		switch {
		case err != nil:
			value, ok = monthNumber(text)
			if !ok {
				return nil, false
			}
		case value >= 1900 && value < 2100:
			value %= 100
		case value > 99:
			return nil, false
		}
		parts = append(parts, value)
	}
	return parts, len(parts) == 2 || len(parts) == 3
}

func monthNumber(name string) (int, bool) {
	name = strings.ToLower(name)
	for i, prefixes := range months {
		for prefix := range strings.FieldsSeq(prefixes) {
			if strings.HasPrefix(name, prefix) {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// dateKey does not depend on the order of the parts, which differs by locale.
func dateKey(parts ...int) string {
	slices.Sort(parts)
	return fmt.Sprint("date ", parts)
}
