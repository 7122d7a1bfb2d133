package reliability

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// version is one watched version of a mapping or an account.
type version struct {
	deleted bool
	mapping *v1alpha1.AgentGroupMapping
	account *v1alpha1.DeepCallAccount
}

func (v version) object() client.Object {
	if v.mapping != nil {
		return v.mapping
	}
	return v.account
}

// revision returns the numeric resourceVersion of an object.
func revision(obj client.Object) uint64 {
	n, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// history holds every version of an environment's mappings and accounts, in the order of the watches.
type history struct {
	changes *notifier

	mu       sync.Mutex
	versions []version
}

// follow watches the mappings and accounts of a namespace until the context ends.
func (h *history) follow(ctx context.Context, namespace string, failed func(error)) (wait func(), err error) {
	var following sync.WaitGroup
	for _, list := range []client.ObjectList{&v1alpha1.AgentGroupMappingList{}, &v1alpha1.DeepCallAccountList{}} {
		watcher, err := k8sClient.Watch(ctx, list, client.InNamespace(namespace))
		if err != nil {
			return following.Wait, fmt.Errorf("watch %T: %w", list, err)
		}
		following.Go(func() {
			defer watcher.Stop()
			for event := range watcher.ResultChan() {
				if !h.add(event) && ctx.Err() == nil {
					failed(fmt.Errorf("unexpected watch event %s: %v", event.Type, event.Object))
				}
			}
			if ctx.Err() == nil {
				failed(fmt.Errorf("the watch of %T ended", list))
			}
		})
	}
	return following.Wait, nil
}

func (h *history) add(event watch.Event) bool {
	v := version{deleted: event.Type == watch.Deleted}
	switch obj := event.Object.(type) {
	case *v1alpha1.AgentGroupMapping:
		v.mapping = obj
	case *v1alpha1.DeepCallAccount:
		v.account = obj
	default:
		return false
	}
	h.mu.Lock()
	h.versions = append(h.versions, v)
	h.mu.Unlock()
	h.changes.notify()
	return true
}

func (h *history) list() []version {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.versions)
}

// sort orders the versions by revision. The watches of several namespaces are not ordered among each other.
func (h *history) sort() {
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.SortStableFunc(h.versions, func(a, b version) int { return cmp.Compare(revision(a.object()), revision(b.object())) })
}

// mappings returns the mappings that exist now.
func (h *history) mappings() map[client.ObjectKey]*v1alpha1.AgentGroupMapping {
	return existing(h, func(v version) *v1alpha1.AgentGroupMapping { return v.mapping })
}

// accounts returns the accounts that exist now.
func (h *history) accounts() map[client.ObjectKey]*v1alpha1.DeepCallAccount {
	return existing(h, func(v version) *v1alpha1.DeepCallAccount { return v.account })
}

// existing returns the last version of each object of one kind, unless it was deleted.
func existing[T any](h *history, object func(version) *T) map[client.ObjectKey]*T {
	objects := map[client.ObjectKey]*T{}
	for _, v := range h.list() {
		obj := object(v)
		if obj == nil {
			continue
		}
		key := client.ObjectKeyFromObject(v.object())
		if v.deleted {
			delete(objects, key)
		} else {
			objects[key] = obj
		}
	}
	return objects
}

// text returns everything that any version of an object contained.
func (h *history) text() string {
	text, err := json.Marshal(objects(h.list()))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func objects(versions []version) []client.Object {
	list := make([]client.Object, len(versions))
	for i, v := range versions {
		list[i] = v.object()
	}
	return list
}
