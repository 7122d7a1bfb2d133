package csvimport

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// maxGroups and idPattern are those of the CRD.
const maxGroups = 500

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// entry is a row with valid IDs and names.
type entry struct {
	line      int
	namespace string
	// omitNamespace reports whether the namespace is chosen when the manifest is applied.
	omitNamespace bool
	// mapping is the mapping's name, or empty if it follows from the agent.
	mapping string
	account v1alpha1.AccountReference
	agent   string
	// generation is that of the mapping when the file was exported, or 0 if the file does not contain it.
	generation int64
	// group is nil if the mapping declares no group on this line.
	group *group
}

// group is a group with the line that declares it.
type group struct {
	v1alpha1.AgentGroup
	line int
	// exported is the value that the mapping declared when the file was exported, or nil if the file does not contain it.
	exported *bool
}

// newEntry validates a row and returns the texts of its problems. It returns no entry if an ID or a name is invalid.
func (o Options) newEntry(r row) (*entry, []string) {
	var problems []string
	add := func(text string) {
		if text != "" {
			problems = append(problems, text)
		}
	}
	e := &entry{line: r.line, omitNamespace: o.omitsNamespace(r), mapping: r.cells[columnMapping], agent: r.cells[columnAgent]}
	add(validateID(columnAgent, e.agent))
	if !r.declaresNothing() {
		add(validateID(columnGroup, r.cells[columnGroup]))
	}
	add(validateName(columnMapping, e.mapping))
	var problem string
	e.namespace, problem = o.namespace(r)
	add(problem)
	e.account, problem = o.account(r, e.namespace)
	add(problem)
	e.generation, problem = r.parseGeneration()
	add(problem)
	invalid := len(problems) > 0
	if !r.declaresNothing() {
		e.group, problem = o.newGroup(r)
		add(problem)
	}
	if invalid {
		return nil, problems
	}
	return e, problems
}

// checkComplete returns a problem about the first row of an export that a filter can have omitted groups from.
func (o Options) checkComplete(rows []row) []Problem {
	for _, r := range rows {
		switch complete, invalid := r.parseBoolean(columnComplete); {
		case invalid != "":
			return []Problem{{r.line, invalid}}
		case complete != nil && !*complete && !o.Force:
			return []Problem{{r.line, "the roster was exported with --group or --not-in-sync, so groups that it lacks would be removed: " +
				"export it without these flags, or add --force"}}
		}
	}
	return nil
}

// parseGeneration returns the value of the column generation, or 0 if it is empty.
func (r row) parseGeneration() (generation int64, problem string) {
	cell := r.cells[columnGeneration]
	if cell == "" {
		return 0, ""
	}
	generation, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || generation < 1 {
		return 0, fmt.Sprintf("generation is %q, not the number that was exported: export the roster again", cell)
	}
	return generation, ""
}

// declaresNothing reports whether the row is that of an exported mapping without groups.
func (r row) declaresNothing() bool {
	return r.cells[columnMapping] != "" && r.cells[columnGroup]+r.cells[columnReceives]+r.cells[columnDeclared] == ""
}

// newGroup returns the desired state of a group: that of the column receives, if the row is in sync. Otherwise that column contains
// the state that DeepCall confirmed, unless it was edited. It returns no group if the mapping no longer declares it.
func (o Options) newGroup(r row) (*group, string) {
	receives, invalidReceives := r.parseBoolean(columnReceives)
	declared, invalidDeclared := r.parseBoolean(columnDeclared)
	inSync, invalidInSync := r.parseBoolean(columnInSync)
	g := &group{AgentGroup: v1alpha1.AgentGroup{GroupID: r.cells[columnGroup]}, line: r.line, exported: declared}
	notInSync := inSync != nil && !*inSync
	switch {
	case invalidReceives+invalidDeclared+invalidInSync != "":
		return g, cmp.Or(invalidReceives, invalidDeclared, invalidInSync)
	case notInSync && !o.Force:
		return g, "in_sync is no: DeepCall has not confirmed what the mapping declares; wait or resolve its error, and export the roster again; " +
			"or export without it (--agent, -l); or add --force to import declared for these lines"
	case notInSync && declared == nil:
		return nil, ""
	case notInSync && receives != nil && *receives != *declared:
		return g, "in_sync is no, and receives and declared differ: enter the desired value in both"
	case notInSync:
		receives = declared
	case receives == nil:
		return g, "receives is empty: use yes or no"
	}
	g.ReceiveCall = *receives
	return g, ""
}

// The following functions return the text of a problem, or an empty string.

func validateID(column, id string) string {
	switch {
	case id == "":
		return column + " is empty"
	case len(id) > 64 && idPattern.MatchString(id[:64]):
		return fmt.Sprintf("%s %q is longer than 64 characters", column, id[:16]+"…")
	case idPattern.MatchString(id):
		return ""
	case looksReformatted(id):
		return fmt.Sprintf("%s %q is a number or a date that a spreadsheet has formatted: format the column as text, and enter the ID again", column, id)
	default:
		return fmt.Sprintf("%s %q contains an invalid character: allowed are A-Z a-z 0-9 . _ -", column, id)
	}
}

func validateName(column, name string) string {
	if name == "" || len(validation.IsDNS1123Subdomain(name)) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %q is invalid: a name consists of lower-case letters, digits, - and .", column, name)
}
