package controller

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// written remembers our own writes until the cache has caught up with them, so that no decision
// is made twice on a stale view. Nobody waits for the cache.
type written struct {
	mu    sync.Mutex
	newer map[types.UID]client.Object
}

func newWritten() *written {
	return &written{newer: map[types.UID]client.Object{}}
}

// remember takes in what a write returned. Whether the cache still holds the object is asked
// under the lock, since forget may already have run for its deletion.
func (w *written) remember(obj client.Object, cached func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cached() {
		w.newer[obj.GetUID()] = obj
	}
}

// recall returns what is remembered of the objects that match. It must be asked before the cache is
// read: what the cache catches up with in between is forgotten, although what was read is older.
func (w *written) recall(matches func(client.Object) bool) map[types.UID]client.Object {
	w.mu.Lock()
	defer w.mu.Unlock()
	recalled := map[types.UID]client.Object{}
	for uid, obj := range w.newer {
		if matches(obj) {
			recalled[uid] = obj
		}
	}
	return recalled
}

// latest returns the newer of what the cache returned and what was recalled before.
func latest[T client.Object](recalled map[types.UID]client.Object, cached T) T {
	own, ok := recalled[cached.GetUID()].(T)
	if !ok || caughtUp(cached, own) {
		return cached
	}
	return own.DeepCopyObject().(T) //nolint:forcetypeassert // a deep copy has the type of the original
}

// handler frees what the cache has caught up with.
func (w *written) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, obj any) {
			cached, ok := obj.(client.Object)
			if !ok {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if own := w.newer[cached.GetUID()]; own != nil && caughtUp(cached, own) {
				delete(w.newer, cached.GetUID())
			}
		},
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			gone, ok := obj.(client.Object)
			if !ok {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.newer, gone.GetUID())
		},
	}
}

func caughtUp(cached, own client.Object) bool {
	if own.GetDeletionTimestamp() != nil && len(own.GetFinalizers()) == 0 {
		return false // only its end can follow; the API server returned it with the version before
	}
	order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), own.GetResourceVersion())
	return err != nil || order >= 0
}
