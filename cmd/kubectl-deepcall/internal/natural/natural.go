// Package natural orders IDs as people count.
package natural

import (
	"cmp"
	"strings"
)

// Compare orders IDs as people count: 9 before 10, and a9 before a10. IDs that count the same, such as 7 and 07, go
// by their bytes, so that the order is total. The empty ID comes last.
func Compare(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	restA, restB := a, b
	for restA != "" && restB != "" {
		var partA, partB string
		partA, restA = part(restA)
		partB, restB = part(restB)
		if c := compareParts(partA, partB); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(restA), len(restB)), cmp.Compare(a, b))
}

// part cuts off the digits, or what is no digits, at the start.
func part(s string) (first, rest string) {
	end := 1
	for end < len(s) && isDigit(s[end]) == isDigit(s[0]) {
		end++
	}
	return s[:end], s[end:]
}

func compareParts(a, b string) int {
	if !isDigit(a[0]) || !isDigit(b[0]) {
		return cmp.Compare(a, b)
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
