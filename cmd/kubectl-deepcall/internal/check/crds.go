package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Fields are the names of an object's fields, such as AgentGroupMapping.spec.groups.
type Fields map[string]bool

// kinds are the kinds and the types whose fields are compared.
var kinds = map[string]map[string]any{
	"AgentGroupMapping": {"spec": v1alpha1.AgentGroupMappingSpec{}, "status": v1alpha1.AgentGroupMappingStatus{}},
	"DeepCallAccount":   {"spec": v1alpha1.DeepCallAccountSpec{}, "status": v1alpha1.DeepCallAccountStatus{}},
}

const upgradeCRDs = "The cluster's administrator applies the CRDs of the operator's release (docs/how-to/upgrade.md)."

// Served checks whether the API server serves both kinds.
func Served(resources []string) Result {
	r := Result{Check: "CRDs", State: OK, Message: "both kinds are served as " + v1alpha1.GroupVersion.String()}
	var absent []string
	for _, resource := range []string{"agentgroupmappings", "deepcallaccounts"} {
		if !slices.Contains(resources, resource) {
			absent = append(absent, resource)
		}
	}
	if len(absent) > 0 {
		r.State, r.Message = Error, fmt.Sprintf("the API server does not serve %s of %s", strings.Join(absent, " and "), v1alpha1.GroupVersion)
		r.Remedy = "The cluster's administrator installs the CRDs: kubectl apply --server-side -f config/crd/bases"
	}
	return r
}

// Schema compares the fields of the CRDs with those that this plugin knows.
func Schema(served Fields) Result {
	r := Result{Check: "CRDs", State: OK, Message: "the fields are those of this plugin"}
	known := knownFields()
	switch missing, unknown := known.without(served), served.without(known); {
	case len(missing) > 0:
		r.State, r.Message = Warning, "the CRDs are older than this plugin: they lack "+strings.Join(missing, ", ")
		r.Remedy = upgradeCRDs
	case len(unknown) > 0:
		r.State, r.Message = Warning, "the CRDs are newer than this plugin, which does not know "+strings.Join(unknown, ", ")
		r.Remedy = "Install the plugin of the operator's release."
	}
	return r
}

func (f Fields) without(other Fields) []string {
	var names []string
	for name := range f {
		if !other[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func knownFields() Fields {
	fields := Fields{}
	for kind, parts := range kinds {
		for part, value := range parts {
			for field := range reflect.TypeOf(value).Fields() {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				fields[kind+"."+part+"."+name] = true
			}
		}
	}
	return fields
}

// CRD is the state of a CustomResourceDefinition.
type CRD struct {
	Name string
	// Problem is the message of the first condition with another status than it should have.
	Problem string
	// Stored are the versions in which objects are stored.
	Stored []string
	// Version is that of the release; empty if it is not known.
	Version string
}

// Definition checks a CustomResourceDefinition.
func Definition(crd CRD) Result {
	r := Result{Check: "CRD", Object: crd.Name, State: OK, Message: "stored as " + strings.Join(crd.Stored, ", ")}
	if crd.Version != "" {
		r.Message = crd.Version + ", " + r.Message
	}
	if crd.Problem != "" {
		r.State, r.Message, r.Remedy = Error, crd.Problem, upgradeCRDs
	}
	return r
}
