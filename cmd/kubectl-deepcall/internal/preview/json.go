package preview

import (
	"encoding/json"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/effect"
)

// name is the name of an object.
type name struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// The JSON is documented in docs/how-to/preview-changes.md.
type jsonDocument struct {
	Kind      string        `json:"kind"`
	Version   string        `json:"version"`
	HasEffect bool          `json:"hasEffect"`
	Groups    []jsonGroup   `json:"groups"`
	Requests  []jsonRequest `json:"requests"`
	Warnings  []jsonWarning `json:"warnings"`
	Notes     []string      `json:"notes"`
}

type jsonGroup struct {
	Account name        `json:"account"`
	AgentID string      `json:"agentID"`
	GroupID string      `json:"groupID"`
	Calls   effect.Kind `json:"calls"`
	Reason  string      `json:"reason"`
	Before  *bool       `json:"before"`
	After   *bool       `json:"after"`
	// OwnerBefore and OwnerAfter are nil if there is none.
	OwnerBefore *name  `json:"ownerBefore"`
	OwnerAfter  *name  `json:"ownerAfter"`
	Others      []name `json:"others"`
}

type jsonRequest struct {
	Account name                  `json:"account"`
	AgentID string                `json:"agentID"`
	Mapping name                  `json:"mapping"`
	Groups  []v1alpha1.AgentGroup `json:"groups"`
}

type jsonWarning struct {
	Reason  effect.WarningReason `json:"reason"`
	Account name                 `json:"account"`
	AgentID string               `json:"agentID"`
	GroupID string               `json:"groupID"`
	Message string               `json:"message"`
}

// JSON prints the document as JSON. Version 1 is stable: fields are added to it, but not changed or removed.
func JSON(w io.Writer, d Document) error {
	document := jsonDocument{
		Kind: "Effect", Version: "1", HasEffect: d.HasEffect(),
		Groups: []jsonGroup{}, Requests: []jsonRequest{}, Warnings: []jsonWarning{}, Notes: append([]string{}, d.Notes...),
	}
	for _, g := range d.Groups {
		group := jsonGroup{
			Account: name(g.Account), AgentID: g.AgentID, GroupID: g.GroupID, Calls: g.Kind, Reason: g.Reason, Before: g.Before, After: g.After,
			OwnerBefore: optional(g.OwnerBefore), OwnerAfter: optional(g.OwnerAfter), Others: []name{},
		}
		for _, other := range g.Others {
			group.Others = append(group.Others, name(other))
		}
		document.Groups = append(document.Groups, group)
	}
	for _, r := range d.Requests {
		document.Requests = append(document.Requests, jsonRequest{name(r.Account), r.AgentID, name(r.Mapping), r.Groups})
	}
	for _, warning := range d.Warnings {
		document.Warnings = append(document.Warnings, jsonWarning{warning.Reason, name(warning.Account), warning.AgentID, warning.GroupID, warning.Message})
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(document); err != nil {
		return fmt.Errorf("write the effect as JSON: %w", err)
	}
	return nil
}

func optional(n types.NamespacedName) *name {
	if n.Name == "" {
		return nil
	}
	return &name{n.Namespace, n.Name}
}
