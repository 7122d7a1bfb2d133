package reliability

import (
	"maps"
	"slices"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// The operations on what the operator records in mappings.

// copyMapping applies a copy of a mapping under the name of another fixture, as kubectl get and kubectl apply do. If that
// mapping does not exist, it is created with the status of the original, too, as a backup tool does.
func (r *runner) copyMapping(original, name string) {
	from := r.mapping(original)
	if from == nil || original == name {
		return
	}
	if existing := r.mapping(name); existing != nil {
		if existing.DeletionTimestamp != nil {
			return // the API server would delete it at once
		}
		r.eraseRecords(name)
		r.edit(name, func(m *v1alpha1.AgentGroupMapping) {
			m.Annotations, m.Finalizers = from.Annotations, slices.Clone(from.Finalizers)
			m.Spec.Groups, m.Spec.RemovalPolicy, m.Spec.Suspend = from.Spec.Groups, from.Spec.RemovalPolicy, from.Spec.Suspend
		})
		return
	}
	copied := r.newMapping(name)
	r.env.copyMapping(from, copied)
	r.recordWrite(name, copied)
	r.env.replaceStatus(r.env.key(name), from.Status)
	r.model.triggers[copied.Spec.AgentID]++ // if the operator has sent the mapping before the user overwrites its status
}

// forgeRecord writes a record that the operator did not write. A group that no mapping declared before would be removed, which
// is harmless, but looks like an order of requests that is not right.
func (r *runner) forgeRecord(name string) {
	r.edit(name, func(m *v1alpha1.AgentGroupMapping) {
		forgeRecord(slices.Sorted(maps.Keys(r.model.declaredByObject[m.UID]))...)(m)
		r.model.triggers[m.Spec.AgentID]++
	})
}

// eraseRecords removes the annotations and finalizers of a mapping. The operator does not know any more what a request added
// whose result it did not write.
func (r *runner) eraseRecords(name string) {
	r.edit(name, func(m *v1alpha1.AgentGroupMapping) {
		if m.DeletionTimestamp != nil {
			return // as above
		}
		r.env.eraseRecords(m)
		r.model.recordErasure(m, r.revision())
	})
}

// newMapping returns a mapping of a fixture without groups.
func (r *runner) newMapping(name string) *v1alpha1.AgentGroupMapping {
	f, key := fixtureFor(name), r.env.key(name)
	account := r.env.key(f.account)
	mapping := testenv.Mapping(key.Name).In(key.Namespace).Agent(f.agent).Build()
	mapping.Spec.AccountRef = v1alpha1.AccountReference{Name: account.Name}
	if account.Namespace != key.Namespace {
		mapping.Spec.AccountRef.Namespace = account.Namespace
	}
	return mapping
}
