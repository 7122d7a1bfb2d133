package dispatch

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Duplicates returns the other accounts with the same target, sorted. Their requests overwrite each other, since each account
// carries only the groups of its own mappings. An account whose Secret was deleted counts, as it can still send removals.
func (d *Dispatcher) Duplicates(name types.NamespacedName) []types.NamespacedName {
	d.mu.Lock()
	defer d.mu.Unlock()
	var duplicates []types.NamespacedName
	if a := d.accounts[name]; a != nil {
		for other := range d.byTarget[a.targetKey] {
			if other != name {
				duplicates = append(duplicates, other)
			}
		}
	}
	slices.SortFunc(duplicates, func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return duplicates
}

// healthOf returns the health of an account with the number of its duplicates.
func (d *Dispatcher) healthOf(a *account) Health {
	health := a.health()
	health.Duplicates = max(len(d.byTarget[a.targetKey])-1, 0)
	return health
}

// moveTarget records that an account has another target, and enqueues the accounts whose duplicates change by that.
func (d *Dispatcher) moveTarget(name types.NamespacedName, from, to string) {
	if from == to {
		return
	}
	delete(d.byTarget[from], name)
	if len(d.byTarget[from]) == 0 {
		delete(d.byTarget, from)
	}
	for _, key := range []string{from, to} {
		for duplicate := range d.byTarget[key] {
			d.pending.accounts = append(d.pending.accounts, duplicate)
		}
	}
	if to == "" {
		return
	}
	if d.byTarget[to] == nil {
		d.byTarget[to] = map[types.NamespacedName]struct{}{}
	}
	d.byTarget[to][name] = struct{}{}
}
