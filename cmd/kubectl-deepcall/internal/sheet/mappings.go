package sheet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Options is what all mappings of a table have in common.
type Options struct {
	// Namespace of the mappings; empty leaves it out.
	Namespace string
	Account   v1alpha1.AccountReference
	// RemovalPolicy is left out when empty, so that the API server's default holds.
	RemovalPolicy v1alpha1.RemovalPolicy
	// NamePrefix begins every name.
	NamePrefix string
}

// Mappings reads the table, and returns one mapping for each agent, in the order of their IDs. If anything is wrong it
// returns no mapping, and every problem, in the order of the lines.
func Mappings(data []byte, o Options) ([]*v1alpha1.AgentGroupMapping, []Problem) {
	rows, problems := read(data)
	agents, more := check(rows)
	problems = append(problems, more...)
	if len(rows)+len(problems) == 0 {
		problems = []Problem{{1, "no agents are in the table"}}
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, problems
	}
	mappings := make([]*v1alpha1.AgentGroupMapping, len(agents))
	for i, a := range agents {
		mappings[i] = a.mapping(o)
	}
	return mappings, nil
}

func (a *agent) mapping(o Options) *v1alpha1.AgentGroupMapping {
	mapping := &v1alpha1.AgentGroupMapping{}
	mapping.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMapping"))
	mapping.Name, mapping.Namespace = o.NamePrefix+nameOf(a.id), o.Namespace
	mapping.Spec = v1alpha1.AgentGroupMappingSpec{
		AccountRef: o.Account, AgentID: a.id, Groups: a.groups, RemovalPolicy: o.RemovalPolicy,
	}
	return mapping
}

// plain is an ID that can be part of a name as it is. It has no dot.
var plain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// nameOf is the part of a name that stands for the ID. It depends on nothing but the ID, so other agents never change
// it. An ID that has to be changed for it gets a dot and a hash, and no plain ID has a dot: so two IDs share no name.
func nameOf(id string) string {
	if plain.MatchString(id) {
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
