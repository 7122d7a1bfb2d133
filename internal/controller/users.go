package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// users are the mappings of an account.
type users struct {
	// mappings that may use it.
	mappings int
	// holding is true when one has a removal to tell DeepCall one day.
	holding bool
}

// users counts the mappings that use the account.
func (r *AccountReconciler) users(ctx context.Context, a *v1alpha1.DeepCallAccount) (users, error) {
	namespaces, holding := r.Written.usedBy(client.ObjectKeyFromObject(a))
	n := users{holding: holding}
	for namespace, in := range namespaces {
		permitted, err := r.Access.permits(ctx, a, namespace)
		if err != nil {
			return users{}, fmt.Errorf("count the account's mappings: %w", err)
		}
		if permitted {
			n.mappings += int(in.mappings)
		}
	}
	return n, nil
}

// usersDebounce is how long new and gone mappings are gathered before an account takes in their number.
const usersDebounce = 500 * time.Millisecond

// use is how many mappings use an account, and how many of these have a removal to tell.
type use struct{ mappings, holding int32 }

// usage is the use of each account by each namespace, kept up to date by what the cache tells, so that it costs the
// same however many mappings there are.
type usage struct {
	totals map[types.NamespacedName]map[string]use
	// each is what each mapping stands for in the totals, should the cache leave out a change of it.
	each map[types.UID]use
}

func newUsage() usage {
	return usage{totals: map[types.NamespacedName]map[string]use{}, each: map[types.UID]use{}}
}

// change takes in what became of a mapping, of which nil is nothing. It returns the accounts whose use is another now.
func (u usage) change(was, is *v1alpha1.AgentGroupMapping) []types.NamespacedName {
	var changed []types.NamespacedName
	if was != nil && (is == nil || was.UID != is.UID) && u.count(was, use{}) {
		changed = append(changed, accountOf(was))
	}
	if is != nil && u.count(is, useOf(is)) {
		changed = append(changed, accountOf(is))
	}
	return changed
}

func (u usage) count(mapping *v1alpha1.AgentGroupMapping, now use) bool {
	before := u.each[mapping.UID]
	if before == now {
		return false
	}
	u.each[mapping.UID] = now
	if now == (use{}) {
		delete(u.each, mapping.UID)
	}
	name, namespace := accountOf(mapping), mapping.Namespace
	if u.totals[name] == nil {
		u.totals[name] = map[string]use{}
	}
	total := u.totals[name][namespace]
	total.mappings += now.mappings - before.mappings
	total.holding += now.holding - before.holding
	u.totals[name][namespace] = total
	if total == (use{}) {
		delete(u.totals[name], namespace)
	}
	if len(u.totals[name]) == 0 {
		delete(u.totals, name)
	}
	return true
}

// useOf is how one mapping uses its account. One that was let go does no more.
func useOf(mapping *v1alpha1.AgentGroupMapping) use {
	switch {
	case released(mapping):
		return use{}
	case hasFinalizer(mapping, v1alpha1.StopCallsFinalizer):
		return use{mappings: 1, holding: 1}
	default:
		return use{mappings: 1}
	}
}
