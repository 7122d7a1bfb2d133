package reliability

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// version is one version of a mapping or an account, as a watch told it.
type version struct {
	gone    bool
	mapping *v1alpha1.AgentGroupMapping
	account *v1alpha1.DeepCallAccount
}

func (v version) object() client.Object {
	if v.mapping != nil {
		return v.mapping
	}
	return v.account
}

// history is every version of the mappings and accounts of a world, in the order of the watch.
type history struct {
	bell *bell

	mu       sync.Mutex
	versions []version
}

// follow watches the mappings and accounts of a namespace until the context ends.
func (h *history) follow(ctx context.Context, namespace string, failed func(error)) (wait func(), err error) {
	var following sync.WaitGroup
	for _, list := range []client.ObjectList{&v1alpha1.AgentGroupMappingList{}, &v1alpha1.DeepCallAccountList{}} {
		watcher, err := admin.Watch(ctx, list, client.InNamespace(namespace))
		if err != nil {
			return following.Wait, fmt.Errorf("watch %T: %w", list, err)
		}
		following.Go(func() {
			defer watcher.Stop()
			for event := range watcher.ResultChan() {
				if !h.take(event) && ctx.Err() == nil {
					failed(fmt.Errorf("a watch told %s: %v", event.Type, event.Object))
				}
			}
			if ctx.Err() == nil {
				failed(fmt.Errorf("the watch of %T ended", list))
			}
		})
	}
	return following.Wait, nil
}

func (h *history) take(event watch.Event) bool {
	v := version{gone: event.Type == watch.Deleted}
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
	h.bell.ring()
	return true
}

func (h *history) look() []version {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.versions)
}

// mappings are those that exist now, by namespace and name.
func (h *history) mappings() map[client.ObjectKey]*v1alpha1.AgentGroupMapping {
	present := map[client.ObjectKey]*v1alpha1.AgentGroupMapping{}
	for _, v := range h.look() {
		switch {
		case v.mapping == nil:
		case v.gone:
			delete(present, client.ObjectKeyFromObject(v.mapping))
		default:
			present[client.ObjectKeyFromObject(v.mapping)] = v.mapping
		}
	}
	return present
}

// accounts are those that exist now, by namespace and name.
func (h *history) accounts() map[client.ObjectKey]*v1alpha1.DeepCallAccount {
	present := map[client.ObjectKey]*v1alpha1.DeepCallAccount{}
	for _, v := range h.look() {
		switch {
		case v.account == nil:
		case v.gone:
			delete(present, client.ObjectKeyFromObject(v.account))
		default:
			present[client.ObjectKeyFromObject(v.account)] = v.account
		}
	}
	return present
}

// text is everything that was ever in an object.
func (h *history) text() string {
	text, err := json.Marshal(objects(h.look()))
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
