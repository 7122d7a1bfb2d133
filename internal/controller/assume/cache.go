// Package assume overlays the informer's cache with the versions that this process wrote, as kube-scheduler's assume cache does,
// so that no decision is made twice from an old version.
package assume

import (
	"context"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cache contains assumed objects: the results of writes until the informer's cache has a version at least as new. It never waits
// for the informer.
type Cache[T client.Object] struct {
	inCache func(T) bool
	keys    func(T) []string

	mu      sync.Mutex
	objects map[types.UID]T
	byKey   map[string]map[types.UID]T
}

// New returns an empty cache. inCache reports whether the informer's cache has the object, in any version. keys returns the
// keys of an object, which must never change.
func New[T client.Object](inCache func(T) bool, keys func(T) []string) *Cache[T] {
	return &Cache[T]{inCache: inCache, keys: keys, objects: map[types.UID]T{}, byKey: map[string]map[types.UID]T{}}
}

// Assume adds the result of a write, which must not be changed afterwards.
func (c *Cache[T]) Assume(obj T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.inCache(obj) {
		return // deleted; checked under the lock, since Forget may already have been called
	}
	c.objects[obj.GetUID()] = obj
	for _, key := range c.keys(obj) {
		if c.byKey[key] == nil {
			c.byKey[key] = map[types.UID]T{}
		}
		c.byKey[key][obj.GetUID()] = obj
	}
}

// Assumed are the assumed objects of a key at one moment.
type Assumed[T client.Object] map[types.UID]T

// ByKey returns the assumed objects of a key. Call it before reading the informer's cache: if the informer catches up in between,
// the assumed object is dropped, although an older version may have been read.
func (c *Cache[T]) ByKey(key string) Assumed[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.byKey[key])
}

// Latest returns the newer version of a cached object and its assumed object. The result is shared: copy it before a change.
func (a Assumed[T]) Latest(cached T) T {
	assumed, ok := a[cached.GetUID()]
	if !ok || isCurrent(cached, assumed) {
		return cached
	}
	return assumed
}

// Observe drops and returns the assumed object if the informer's cache has caught up with it.
func (c *Cache[T]) Observe(cached T) (dropped T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	assumed, ok := c.objects[cached.GetUID()]
	if !ok || !isCurrent(cached, assumed) {
		return dropped, false
	}
	c.drop(cached)
	return assumed, true
}

// Forget drops a deleted object.
func (c *Cache[T]) Forget(deleted T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(deleted)
}

func (c *Cache[T]) drop(obj T) {
	delete(c.objects, obj.GetUID())
	for _, key := range c.keys(obj) {
		delete(c.byKey[key], obj.GetUID())
		if len(c.byKey[key]) == 0 {
			delete(c.byKey, key)
		}
	}
}

// InCache returns a function that reports whether the cache that reader reads from has an object, in any version.
func InCache[T any, P interface {
	*T
	client.Object
}](reader client.Reader) func(P) bool {
	return func(obj P) bool {
		cached := P(new(T))
		err := reader.Get(context.Background(), client.ObjectKeyFromObject(obj), cached, client.UnsafeDisableDeepCopy)
		return err == nil && cached.GetUID() == obj.GetUID()
	}
}

// isCurrent reports whether the cached version is at least as new as the assumed object.
func isCurrent(cached, assumed client.Object) bool {
	if assumed.GetDeletionTimestamp() != nil && len(assumed.GetFinalizers()) == 0 {
		return false // only the deletion can follow, and the API server returned the version before it
	}
	order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), assumed.GetResourceVersion())
	return err != nil || order >= 0
}
