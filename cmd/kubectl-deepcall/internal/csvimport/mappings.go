// Package csvimport converts a CSV file with the columns agent, group and receives, as exported by a spreadsheet, to
// mappings. It does no I/O.
package csvimport

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Options are the fields that all mappings of a file have in common.
type Options struct {
	// Namespace of the mappings; optional.
	Namespace string
	Account   v1alpha1.AccountReference
	// RemovalPolicy is optional; the API server defaults it.
	RemovalPolicy v1alpha1.RemovalPolicy
	// NamePrefix is the prefix of the mappings' names.
	NamePrefix string
}

// Problem is an error in a line of the file.
type Problem struct {
	// Line counts from 1.
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// Mappings returns one mapping per agent, sorted by agent ID. If the file has any problem, it returns no mapping, and
// all problems sorted by line.
func Mappings(data []byte, o Options) ([]*v1alpha1.AgentGroupMapping, []Problem) {
	rows, problems := parseRows(data)
	agents, invalid := validate(rows)
	problems = append(problems, invalid...)
	if len(rows)+len(problems) == 0 {
		problems = []Problem{{1, "the file contains no agents"}}
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, problems
	}
	mappings := make([]*v1alpha1.AgentGroupMapping, len(agents))
	for i, a := range agents {
		mappings[i] = newMapping(a, o)
	}
	return mappings, nil
}

func newMapping(a *agent, o Options) *v1alpha1.AgentGroupMapping {
	mapping := &v1alpha1.AgentGroupMapping{}
	mapping.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMapping"))
	mapping.Name, mapping.Namespace = o.NamePrefix+nameFor(a.id), o.Namespace
	mapping.Spec = v1alpha1.AgentGroupMappingSpec{
		AccountRef: o.Account, AgentID: a.id, Groups: a.groups, RemovalPolicy: o.RemovalPolicy,
	}
	return mapping
}

// validName matches IDs that can be part of a name unchanged. They contain no dot.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// nameFor returns the part of a mapping's name that identifies the agent. It depends on the ID only, so that other
// agents in the file never change it. Names are unique: an ID that can't be used unchanged gets a hash after a dot,
// and an unchanged ID contains no dot.
func nameFor(id string) string {
	if validName.MatchString(id) {
		return id
	}
	hash := sha256.Sum256([]byte(id))
	readable := strings.Map(func(r rune) rune {
		if r == '.' || r == '_' {
			return '-'
		}
		return r
	}, strings.ToLower(id))
	readable = cmp.Or(strings.Trim(readable, "-"), "id")
	return readable + "." + hex.EncodeToString(hash[:5])
}
