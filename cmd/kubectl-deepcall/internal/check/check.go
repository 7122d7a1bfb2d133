// Package check checks an installation of the operator by the objects that a caller can read. It does no I/O.
package check

import (
	"io"
	"slices"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
)

// State is the result of one check.
type State string

// The states.
const (
	OK      State = "ok"
	Warning State = "warning"
	Error   State = "error"
	// NotChecked means that the caller lacks a right. The message names it.
	NotChecked State = "not checked"
)

// Result is one line of the output. Its JSON is documented in docs/plugin/check.md.
type Result struct {
	// Check is the subject of the check, for example operator or account.
	Check string `json:"check"`
	// Object is the name of the object, with its namespace; empty if there is none.
	Object  string `json:"object"`
	State   State  `json:"state"`
	Message string `json:"message"`
	// Remedy states who acts, and how. It is empty if nothing needs to be done.
	Remedy string `json:"remedy"`
}

// Document is the JSON representation of all results.
type Document struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
	// OK reports whether no result is an error.
	OK     bool     `json:"ok"`
	Checks []Result `json:"checks"`
}

// NewDocument returns the document with these results.
func NewDocument(results []Result) Document {
	return Document{Kind: "Check", Version: "1", OK: !HasError(results), Checks: append([]Result{}, results...)}
}

// HasError reports whether a result is an error.
func HasError(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.State == Error })
}

// Print prints the results for people, and the remedy below each that has one.
func Print(w io.Writer, results []Result) error {
	var rows [][]string
	for _, r := range results {
		what := r.Check
		if r.Object != "" {
			what += " " + r.Object
		}
		rows = append(rows, []string{string(r.State), what, r.Message})
		if r.Remedy != "" {
			rows = append(rows, []string{"", "", "-> " + r.Remedy})
		}
	}
	return text.WriteTable(w, rows)
}

// Forbidden returns the result of a check for which the caller lacks a right, such as "list leases in namespace support".
func Forbidden(check, right string) Result {
	return Result{Check: check, State: NotChecked, Message: "needs the right to " + right}
}
