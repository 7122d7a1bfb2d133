package controller

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	mappings   map[string]*v1alpha1.AgentGroupMapping
	accounts   map[string]*v1alpha1.DeepCallAccount
	handle     func(before, after client.Object)
	delivering sync.Mutex
}

func (c *simCache) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch obj := obj.(type) {
	case *v1alpha1.DeepCallAccount:
		if a := c.accounts[key.Name]; a != nil {
			a.DeepCopyInto(obj)
			return nil
		}
	case *v1alpha1.AgentGroupMapping:
		if m := c.mappings[key.Name]; m != nil {
			m.DeepCopyInto(obj)
			return nil
		}
	}
	return notFound(key.Name)
}

func (c *simCache) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if accounts, ok := list.(*v1alpha1.DeepCallAccountList); ok {
		for _, a := range c.accounts {
			accounts.Items = append(accounts.Items, *a.DeepCopy())
		}
		return nil
	}
	selector := (&client.ListOptions{}).ApplyOptions(options).FieldSelector
	for _, m := range c.mappings {
		if selector.Matches(fields.Set{agentIndex: m.AgentKey().String(), accountIndex: m.AccountKey().String()}) || matchesOne(selector, m) {
			mappings := list.(*v1alpha1.AgentGroupMappingList)
			mappings.Items = append(mappings.Items, *m.DeepCopy())
		}
	}
	return nil
}

// The indexes of the mappings, as the controller of agents names them.
const (
	agentIndex   = "agent"
	accountIndex = "account"
)

func matchesOne(selector fields.Selector, m *v1alpha1.AgentGroupMapping) bool {
	agentKey, byAgent := selector.RequiresExactMatch(agentIndex)
	accountKey, byAccount := selector.RequiresExactMatch(accountIndex)
	return byAgent && agentKey == m.AgentKey().String() || byAccount && accountKey == m.AccountKey().String()
}

func (c *simCache) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	var change struct {
		Metadata struct {
			ResourceVersion string
			Finalizers      *[]string
			Annotations     map[string]*string
		}
	}
	if err := json.Unmarshal(data, &change); err != nil {
		return err
	}
	noFinalizers := strings.Contains(string(data), `"finalizers":null`)
	return c.write(ctx, "patch", obj, change.Metadata.ResourceVersion, func(live client.Object) {
		if change.Metadata.Finalizers != nil {
			live.SetFinalizers(*change.Metadata.Finalizers)
		} else if noFinalizers {
			live.SetFinalizers(nil)
		}
		annotations := live.GetAnnotations()
		for name, value := range change.Metadata.Annotations {
			if annotations == nil {
				annotations = map[string]string{}
			}
			if value == nil {
				delete(annotations, name)
			} else {
				annotations[name] = *value
			}
		}
		live.SetAnnotations(annotations)
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
	live := s.live(obj)
	switch {
	case live == nil:
		return notFound(obj.GetName())
	case live.GetResourceVersion() != version:
		return apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, obj.GetName(), errors.New("changed"))
	}
	s.writes++
	change(live)
	s.put(live)
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		live.(*v1alpha1.AgentGroupMapping).DeepCopyInto(obj)
	case *v1alpha1.DeepCallAccount:
		live.(*v1alpha1.DeepCallAccount).DeepCopyInto(obj)
	}
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
	switch obj := e.obj.DeepCopyObject().(type) {
	case *v1alpha1.AgentGroupMapping:
		_, _ = transform.Mapping(obj)
		if old := c.mappings[obj.Name]; old != nil {
			before = old
		}
		if e.deleted {
			delete(c.mappings, obj.Name)
			return before, nil
		}
		c.mappings[obj.Name] = obj
		return before, obj
	case *v1alpha1.DeepCallAccount:
		if old := c.accounts[obj.Name]; old != nil {
			before = old
		}
		if e.deleted {
			delete(c.accounts, obj.Name)
			return before, nil
		}
		c.accounts[obj.Name] = obj
		return before, obj
	}
	return nil, nil
}
