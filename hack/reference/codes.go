package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// codesPage is the data of codes.md.
type codesPage struct {
	Coded, Uncoded []answer
	// UnknownAgent lists the codes that mean that the agent does not exist.
	UnknownAgent string
}

// answer is a row of codes.md.
type answer struct {
	deepcall.Entry
}

func newCodesPage() codesPage {
	var page codesPage
	var unknownAgent []string
	for _, entry := range deepcall.Catalogue() {
		if entry.Code == 0 {
			page.Uncoded = append(page.Uncoded, answer{entry})
		} else {
			page.Coded = append(page.Coded, answer{entry})
		}
		if entry.UnknownAgent {
			unknownAgent = append(unknownAgent, strconv.Itoa(entry.Code))
		}
	}
	page.UnknownAgent = strings.Join(unknownAgent, ", ")
	return page
}

// Text returns DeepCall's own text, or the message of an answer without a code.
func (a answer) Text() string {
	return strings.TrimPrefix(a.Message, fmt.Sprintf("DeepCall error %d: ", a.Code))
}

// Action returns in short what the operator does. The page's table of classes has the details.
func (a answer) Action() string {
	switch {
	case a.Class == deepcall.Denied:
		return "disables the account"
	case a.Class == deepcall.Rejected:
		return "waits for an edit, a request or the resync"
	case a.Unreachable:
		return "retries; counts towards `Unreachable`"
	default:
		return "retries"
	}
}
