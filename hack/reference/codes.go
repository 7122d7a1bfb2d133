package main

import (
	"fmt"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// codesPage are the data of codes.md.
type codesPage struct {
	Coded, Uncoded []answer
}

// answer is a row of the catalogue, and what the operator does about it.
type answer struct {
	deepcall.Entry
	Deed string
}

func codes() codesPage {
	var page codesPage
	for _, entry := range deepcall.Catalogue() {
		row := answer{entry, deed(entry)}
		if entry.Code == 0 {
			page.Uncoded = append(page.Uncoded, row)
		} else {
			page.Coded = append(page.Coded, row)
		}
	}
	return page
}

// Says is DeepCall's own text, or for an answer without a code what the message says.
func (a answer) Says() string {
	return strings.TrimPrefix(a.Message, fmt.Sprintf("DeepCall error %d: ", a.Code))
}

// deed is what the operator does, in short; the page's table of classes tells it at length.
func deed(entry deepcall.Entry) string {
	switch {
	case entry.Class == deepcall.Denied:
		return "all but stops calling with the account"
	case entry.Class == deepcall.Rejected:
		return "waits for an edit, a request or the resync"
	case entry.Unreachable:
		return "tries again; counts towards `Unreachable`"
	default:
		return "tries again"
	}
}
