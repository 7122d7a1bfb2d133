package controller

import (
	"context"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// written remembers our own writes until the cache has caught up with them, so that no decision
// is made twice on a stale view. Nobody waits for the cache.
type written struct {
	// cached is true for an object that the cache holds, in whatever version.
	cached func(client.Object) bool

	mu     sync.Mutex
	newer  map[types.UID]client.Object
	groups map[any]map[types.UID]client.Object // the same, by groupsOf
	// current are the objects of which this process has seen, or written, a version as new as any that a former
	// leader wrote.
	current map[types.UID]struct{}
	// usage is of the mappings as the cache told of them. What we wrote since is in groups.
	usage usage
}

func newWritten(cached func(client.Object) bool) *written {
	return &written{
		cached: cached, newer: map[types.UID]client.Object{}, groups: map[any]map[types.UID]client.Object{},
		current: map[types.UID]struct{}{}, usage: newUsage(),
	}
}

// mappingsOf names the mappings of an account; an AgentKey names those of an agent, and the account's own
// name the account.
type mappingsOf types.NamespacedName

// groupsOf are the names by which an object is recalled. None of them ever changes.
func groupsOf(obj client.Object) []any {
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		return []any{agentOf(obj), mappingsOf(accountOf(obj))}
	case *v1alpha1.DeepCallAccount:
		return []any{client.ObjectKeyFromObject(obj)}
	default:
		return nil
	}
}

// remember takes in what a write returned.
func (w *written) remember(obj client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.cached(obj) {
		return // asked under the lock, since the handler may already have run for its deletion
	}
	w.current[obj.GetUID()] = struct{}{}
	w.newer[obj.GetUID()] = obj
	for _, group := range groupsOf(obj) {
		if w.groups[group] == nil {
			w.groups[group] = map[types.UID]client.Object{}
		}
		w.groups[group][obj.GetUID()] = obj
	}
}

// recall returns what is remembered of a group of objects. It must be asked before the cache is
// read: what the cache catches up with in between is forgotten, although what was read is older.
func (w *written) recall(group any) map[types.UID]client.Object {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.groups[group])
}

// usedBy returns how each namespace uses an account, and whether any mapping has a removal to tell, be it by our own
// last word alone.
func (w *written) usedBy(account types.NamespacedName) (namespaces map[string]use, holding bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	namespaces = maps.Clone(w.usage.totals[account])
	for _, in := range namespaces {
		holding = holding || in.holding > 0
	}
	for _, own := range w.groups[mappingsOf(account)] {
		holding = holding || hasFinalizer(own, v1alpha1.StopCallsFinalizer)
	}
	return namespaces, holding
}

// forget is called under the lock.
func (w *written) forget(obj client.Object) {
	delete(w.newer, obj.GetUID())
	for _, group := range groupsOf(obj) {
		delete(w.groups[group], obj.GetUID())
		if len(w.groups[group]) == 0 {
			delete(w.groups, group)
		}
	}
}

// madeCurrent notes that an object was compared with the API server.
func (w *written) madeCurrent(obj client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cached(obj) {
		w.current[obj.GetUID()] = struct{}{}
	}
}

func (w *written) isCurrent(obj client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, is := w.current[obj.GetUID()]
	return is
}

// latest returns the newer of what the cache returned and what was recalled before.
func latest[T client.Object](recalled map[types.UID]client.Object, cached T) T {
	own, ok := recalled[cached.GetUID()].(T)
	if !ok || caughtUp(cached, own) {
		return cached
	}
	return own.DeepCopyObject().(T) //nolint:forcetypeassert // a deep copy has the type of the original
}

// handler takes in what the cache tells, and passes on which accounts are used by others now.
func (w *written) handler(changed func(account types.NamespacedName)) toolscache.ResourceEventHandler {
	take := func(before, after any) {
		for _, name := range w.take(before, after) {
			changed(name)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { take(nil, obj) },
		UpdateFunc: take,
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			take(obj, nil)
		},
	}
}

// take counts mappings, and frees what the cache has caught up with: both at once, so that no use is missed. It returns
// the accounts whose use is another now.
func (w *written) take(before, after any) []types.NamespacedName {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, _ := before.(*v1alpha1.AgentGroupMapping)
	is, _ := after.(*v1alpha1.AgentGroupMapping)
	changed := w.usage.change(was, is)

	gone, _ := before.(client.Object)
	cached, _ := after.(client.Object)
	if gone != nil && (cached == nil || cached.GetUID() != gone.GetUID()) {
		w.forget(gone)
		delete(w.current, gone.GetUID())
	}
	if cached == nil {
		return changed
	}
	own := w.newer[cached.GetUID()]
	if own == nil || !caughtUp(cached, own) {
		return changed
	}
	w.forget(cached)
	if last, ok := own.(*v1alpha1.AgentGroupMapping); ok && is != nil && useOf(last) != useOf(is) {
		changed = append(changed, accountOf(is)) // it counted as we last knew it
	}
	return changed
}

func caughtUp(cached, own client.Object) bool {
	if own.GetDeletionTimestamp() != nil && len(own.GetFinalizers()) == 0 {
		return false // only its end can follow; the API server returned it with the version before
	}
	order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), own.GetResourceVersion())
	return err != nil || order >= 0
}

// inCache asks a cache for a mapping or an account.
func inCache(cache client.Reader) func(client.Object) bool {
	return func(obj client.Object) bool {
		var held client.Object = &v1alpha1.AgentGroupMapping{}
		if _, is := obj.(*v1alpha1.DeepCallAccount); is {
			held = &v1alpha1.DeepCallAccount{}
		}
		err := cache.Get(context.Background(), client.ObjectKeyFromObject(obj), held, client.UnsafeDisableDeepCopy)
		return err == nil && held.GetUID() == obj.GetUID()
	}
}
