// Package csvimport converts a table with the columns agent, group and receives, as saved by a spreadsheet or as exported by the
// roster, to mappings. It does no I/O.
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
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
)

// Options apply to all mappings of a file.
type Options struct {
	// Namespace is that of mappings for which the file contains none.
	Namespace string
	// Explicit reports whether all mappings must be in that namespace.
	Explicit bool
	// OmitNamespace leaves the namespace out of the mappings for which the file contains none.
	OmitNamespace bool
	// Account is that of all agents. It is optional if the file contains it.
	Account v1alpha1.AccountReference
	// RemovalPolicy is optional. It defaults to that of the live mapping, or to the default of the API server.
	RemovalPolicy v1alpha1.RemovalPolicy
	// NamePrefix is the prefix of the names of mappings that the file does not name.
	NamePrefix string
	// Force imports a file in spite of groups that are not in sync or missing, another namespace or account, or a second mapping of an
	// agent.
	Force bool
}

// Problem is an error or a warning about a line of the file.
type Problem struct {
	// Line counts from 1.
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// object returns the mapping as it is applied. Live is the existing mapping of the same name and account, or nil.
func (m *mapping) object(o Options, live *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	object := &v1alpha1.AgentGroupMapping{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMapping"))
	object.Name = m.name
	if !m.omitNamespace {
		object.Namespace = m.namespace
	}
	object.Spec = v1alpha1.AgentGroupMappingSpec{
		AccountRef: m.account, AgentID: m.agent, Groups: []v1alpha1.AgentGroup{}, RemovalPolicy: o.RemovalPolicy,
	}
	positions := map[string]int{}
	if live != nil {
		for i, g := range live.Spec.Groups {
			positions[g.GroupID] = i - len(live.Spec.Groups) // before new groups
		}
		object.Spec.AccountRef = live.Spec.AccountRef
		if o.RemovalPolicy == "" && live.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan {
			object.Spec.RemovalPolicy = live.Spec.RemovalPolicy // server-side apply would reset it
		}
	}
	for _, g := range m.groups {
		object.Spec.Groups = append(object.Spec.Groups, g.AgentGroup)
	}
	slices.SortFunc(object.Spec.Groups, func(a, b v1alpha1.AgentGroup) int {
		return cmp.Or(cmp.Compare(positions[a.GroupID], positions[b.GroupID]), natsort.Compare(a.GroupID, b.GroupID))
	})
	return object
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
