package controller

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/transform"
)

// simCache is the cache of one process, with the client that reads from it.
type simCache struct {
	client.Client
	api        *simAPI
	mu         sync.Mutex
	next       int
	objects    simObjects
	handle     func(before, after client.Object)
	delivering sync.Mutex
}

func (c *simCache) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects.read(key.Name, obj)
}

// The indexes of the mappings, as the controller of agents names them.
const (
	agentIndex   = "agent"
	accountIndex = "account"
)

func (c *simCache) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch list := list.(type) {
	case *v1alpha1.DeepCallAccountList:
		for _, a := range objectsOf[*v1alpha1.DeepCallAccount](c.objects) {
			list.Items = append(list.Items, *a.DeepCopy())
		}
	case *v1alpha1.AgentGroupMappingList:
		selector := (&client.ListOptions{}).ApplyOptions(options).FieldSelector
		for _, m := range objectsOf[*v1alpha1.AgentGroupMapping](c.objects) {
			if selector.Matches(fields.Set{agentIndex: m.AgentKey().String(), accountIndex: m.AccountKey().String()}) {
				list.Items = append(list.Items, *m.DeepCopy())
			}
		}
	}
	return nil
}

func (c *simCache) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	var change metav1.PartialObjectMetadata
	if err := json.Unmarshal(data, &change); err != nil {
		return err
	}
	return c.write(ctx, "patch", obj, change.ResourceVersion, func(live client.Object) {
		if err := json.Unmarshal(data, live); err != nil { // merges, but makes removed annotations empty
			panic(err)
		}
		maps.DeleteFunc(live.GetAnnotations(), func(_, value string) bool { return value == "" })
	})
}

type statusWriter struct {
	client.SubResourceWriter
	cache *simCache
}

func (c *simCache) Status() client.SubResourceWriter { return statusWriter{cache: c} }

func (w statusWriter) Update(ctx context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	return w.cache.write(ctx, "status", obj, obj.GetResourceVersion(), func(live client.Object) {
		switch live := live.(type) {
		case *v1alpha1.AgentGroupMapping:
			obj.(*v1alpha1.AgentGroupMapping).Status.DeepCopyInto(&live.Status)
		case *v1alpha1.DeepCallAccount:
			obj.(*v1alpha1.DeepCallAccount).Status.DeepCopyInto(&live.Status)
		}
	})
}

func (c *simCache) write(ctx context.Context, what string, obj client.Object, version string, change func(client.Object)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.api
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails(what); err != nil {
		return err
	}
	live := obj.DeepCopyObject().(client.Object)
	if err := s.objects.read(obj.GetName(), live); err != nil {
		return err
	}
	if live.GetResourceVersion() != version {
		return apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, obj.GetName(), errors.New("changed"))
	}
	s.writes++
	change(live)
	s.put(live)
	copyInto(live, obj)
	return s.fails("answer of " + what)
}

// deliver delivers up to n events of the watch, in order.
func (c *simCache) deliver(n int) {
	c.delivering.Lock()
	defer c.delivering.Unlock()
	for range n {
		c.api.mu.Lock()
		if c.next == len(c.api.log) {
			c.api.mu.Unlock()
			return
		}
		e := c.api.log[c.next]
		c.next++
		c.api.mu.Unlock()
		before, after := c.apply(e)
		if c.handle != nil {
			c.handle(before, after)
		}
	}
}

func (c *simCache) apply(e simEvent) (before, after client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	after = e.obj.DeepCopyObject().(client.Object)
	if mapping, ok := after.(*v1alpha1.AgentGroupMapping); ok {
		_, _ = transform.Mapping(mapping)
	}
	key := keyOf(after, after.GetName())
	before = c.objects[key]
	if e.deleted {
		delete(c.objects, key)
		return before, nil
	}
	c.objects[key] = after
	return before, after
}
