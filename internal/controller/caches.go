package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/account"
	"github.com/deepcall/deepcall-operator/internal/controller/agent"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
)

// sharedCaches contains what both controllers derive from watch events.
type sharedCaches struct {
	cached   client.Reader
	mappings *assume.Cache[*v1alpha1.AgentGroupMapping]
	accounts *assume.Cache[*v1alpha1.DeepCallAccount]
	counts   *account.MappingCounts
}

// newSharedCaches returns empty caches. cached reads from the informers' cache.
func newSharedCaches(cached client.Reader, counts *account.MappingCounts) sharedCaches {
	return sharedCaches{
		cached: cached,
		mappings: assume.New(assume.InCache[v1alpha1.AgentGroupMapping](cached), func(m *v1alpha1.AgentGroupMapping) []string {
			return []string{m.AgentKey().String(), m.AccountKey().String()}
		}),
		accounts: assume.New(assume.InCache[v1alpha1.DeepCallAccount](cached), func(a *v1alpha1.DeepCallAccount) []string {
			return []string{client.ObjectKeyFromObject(a).String()}
		}),
		counts: counts,
	}
}

// hasAccount reports whether the informers' cache has the account.
func (s sharedCaches) hasAccount(ctx context.Context, name types.NamespacedName) bool {
	return s.cached.Get(ctx, name, &v1alpha1.DeepCallAccount{}, client.UnsafeDisableDeepCopy) == nil
}

// watch adds the indexes and the event handlers, which call observe for each version of a mapping, and changed for each account
// whose counts changed. synced reports whether the mappings that existed at the start are counted.
func (s sharedCaches) watch(
	ctx context.Context, mgr ctrl.Manager, observe func(*v1alpha1.AgentGroupMapping), changed func(types.NamespacedName),
) (synced func() bool, err error) {
	if err := agent.IndexMappings(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, fmt.Errorf("index the mappings: %w", err)
	}
	if err := account.IndexAccounts(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, fmt.Errorf("index the accounts: %w", err)
	}
	if _, err := addHandler(ctx, mgr, &v1alpha1.DeepCallAccount{}, handler[*v1alpha1.DeepCallAccount]{
		set:    func(a *v1alpha1.DeepCallAccount) { s.accounts.Observe(a) },
		delete: s.accounts.Forget,
	}); err != nil {
		return nil, err
	}
	registration, err := addHandler(ctx, mgr, &v1alpha1.AgentGroupMapping{}, s.mappingHandler(observe, changed))
	if err != nil {
		return nil, err
	}
	return registration.HasSynced, nil
}

func (s sharedCaches) mappingHandler(observe func(*v1alpha1.AgentGroupMapping), changed func(types.NamespacedName)) handler[*v1alpha1.AgentGroupMapping] {
	return handler[*v1alpha1.AgentGroupMapping]{
		set: func(m *v1alpha1.AgentGroupMapping) {
			observe(m)
			// Counted before the assumed version is dropped, so that no mapping that needs a removal is missed in between.
			countChanged := s.counts.Set(m)
			assumed, dropped := s.mappings.Observe(m)
			if countChanged || (dropped && assumed.HasFinalizer() != m.HasFinalizer()) {
				changed(m.AccountKey())
			}
		},
		delete: func(m *v1alpha1.AgentGroupMapping) {
			if s.counts.Delete(m) {
				changed(m.AccountKey())
			}
			s.mappings.Forget(m)
		},
	}
}

// countReceivers returns the numbers of agents that receive calls for each group, and adds the event handler that counts them.
func countReceivers(ctx context.Context, mgr ctrl.Manager) (*account.GroupReceivers, error) {
	receivers := account.NewGroupReceivers()
	_, err := addHandler(ctx, mgr, &v1alpha1.AgentGroupMapping{}, handler[*v1alpha1.AgentGroupMapping]{
		set: receivers.Set, delete: receivers.Delete,
	})
	return receivers, err
}

// handler calls set for an object that was created or changed, and delete for one that was deleted or replaced by another one
// of the same name.
type handler[T client.Object] struct {
	set, delete func(T)
}

func addHandler[T client.Object](ctx context.Context, mgr ctrl.Manager, kind T, h handler[T]) (toolscache.ResourceEventHandlerRegistration, error) {
	informer, err := mgr.GetCache().GetInformer(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("get the informer of %T: %w", kind, err)
	}
	registration, err := informer.AddEventHandler(h)
	if err != nil {
		return nil, fmt.Errorf("watch %T: %w", kind, err)
	}
	return registration, nil
}

// OnAdd implements ResourceEventHandler.
func (h handler[T]) OnAdd(obj any, _ bool) { h.OnUpdate(nil, obj) }

// OnUpdate implements ResourceEventHandler.
func (h handler[T]) OnUpdate(oldObj, newObj any) {
	after, ok := newObj.(T)
	if !ok {
		return
	}
	if before, ok := oldObj.(T); ok && before.GetUID() != after.GetUID() {
		h.delete(before)
	}
	h.set(after)
}

// OnDelete implements ResourceEventHandler.
func (h handler[T]) OnDelete(obj any) {
	if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	if object, ok := obj.(T); ok {
		h.delete(object)
	}
}
