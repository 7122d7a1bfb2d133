package account

import (
	"maps"
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/metrics"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// MappingCounts counts the mappings in the cache: by account and namespace for the accounts' status and finalizer, and by
// readiness for the metrics. Watch events keep it up to date, so that no list of all mappings is needed.
type MappingCounts struct {
	mu          sync.Mutex
	byAccount   map[types.NamespacedName]map[string]mappingCount
	byReadiness map[metrics.Readiness]int
	// counted is what each mapping adds to the counts. The old object of a watch event may never have been counted.
	counted map[types.UID]counted
}

// mappingCount is the number of mappings that use an account, of those that need a removal before they are deleted, and of
// these, those for which DeepCall confirmed groups.
type mappingCount struct{ mappings, needRemoval, applied int32 }

// counted is what one mapping adds to the counts.
type counted struct {
	readiness                      unique.Handle[metrics.Readiness] // shared by many mappings
	released, needRemoval, applied bool
}

// NewMappingCounts returns counts of no mappings.
func NewMappingCounts() *MappingCounts {
	return &MappingCounts{
		byAccount:   map[types.NamespacedName]map[string]mappingCount{},
		byReadiness: map[metrics.Readiness]int{},
		counted:     map[types.UID]counted{},
	}
}

// Set updates the counts for a created or changed mapping. It reports whether those of its account changed.
func (c *MappingCounts) Set(mapping *v1alpha1.AgentGroupMapping) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := counted{
		readiness: unique.Make(readinessOf(mapping)),
		released:  mapping.Released(), needRemoval: mapping.HasFinalizer(), applied: isApplied(mapping),
	}
	before := c.counted[mapping.UID]
	c.counted[mapping.UID] = now
	return c.replace(mapping, before, now)
}

// Delete updates the counts for a deleted mapping. It reports whether those of its account changed.
func (c *MappingCounts) Delete(mapping *v1alpha1.AgentGroupMapping) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.counted[mapping.UID]
	delete(c.counted, mapping.UID)
	return c.replace(mapping, before, counted{})
}

func (c *MappingCounts) replace(mapping *v1alpha1.AgentGroupMapping, before, now counted) bool {
	c.addReadiness(before.readiness, -1)
	c.addReadiness(now.readiness, 1)
	from, to := before.count(), now.count()
	if from == to {
		return false
	}
	account := mapping.AccountKey()
	if c.byAccount[account] == nil {
		c.byAccount[account] = map[string]mappingCount{}
	}
	total := c.byAccount[account][mapping.Namespace]
	total.mappings += to.mappings - from.mappings
	total.needRemoval += to.needRemoval - from.needRemoval
	total.applied += to.applied - from.applied
	c.byAccount[account][mapping.Namespace] = total
	if total == (mappingCount{}) {
		delete(c.byAccount[account], mapping.Namespace)
	}
	if len(c.byAccount[account]) == 0 {
		delete(c.byAccount, account)
	}
	return true
}

func (c *MappingCounts) addReadiness(handle unique.Handle[metrics.Readiness], n int) {
	if handle == (unique.Handle[metrics.Readiness]{}) {
		return
	}
	readiness := handle.Value()
	c.byReadiness[readiness] += n
	if c.byReadiness[readiness] == 0 {
		delete(c.byReadiness, readiness)
	}
}

// count returns how the mapping uses its account. A released mapping does not use it.
func (c counted) count() mappingCount {
	switch {
	case c == counted{}, c.released:
		return mappingCount{}
	case c.applied:
		return mappingCount{mappings: 1, needRemoval: 1, applied: 1}
	case c.needRemoval:
		return mappingCount{mappings: 1, needRemoval: 1}
	default:
		return mappingCount{mappings: 1}
	}
}

// isApplied reports whether the status proves that DeepCall has, or may have, groups of a mapping that are removed before it is
// deleted. As in the planner, a status that was copied or restored from another object proves nothing.
func isApplied(mapping *v1alpha1.AgentGroupMapping) bool {
	return mapping.HasFinalizer() && mapping.OwnsStatus() && len(mapping.Status.AppliedGroups)+len(mapping.Status.PendingGroups) > 0
}

// byNamespace returns the counts of an account's mappings by namespace.
func (c *MappingCounts) byNamespace(account types.NamespacedName) map[string]mappingCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.byAccount[account])
}

// CountByReadiness returns the number of mappings by the status and reason of their Ready condition.
func (c *MappingCounts) CountByReadiness() map[metrics.Readiness]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.byReadiness)
}

func readinessOf(mapping *v1alpha1.AgentGroupMapping) metrics.Readiness {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return metrics.Readiness{Ready: "Unknown", Reason: "Unobserved"}
	}
	return metrics.Readiness{Ready: string(ready.Status), Reason: reason.MetricLabel(ready.Reason)}
}
