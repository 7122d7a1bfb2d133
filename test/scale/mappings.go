package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

const (
	atOnce = 32               // requests of the bench itself
	beat   = 10 * time.Second // how often progress is told
)

// firstGroup is the group that edits are about.
const firstGroup = "90"

func mappingName(i int) string { return fmt.Sprintf("agent-%06d", i) }

// mappingIndex is the reverse of mappingName; false for another name.
func mappingIndex(name []byte) (int, bool) {
	const prefix = "agent-"
	if len(name) <= len(prefix) || string(name[:len(prefix)]) != prefix {
		return 0, false
	}
	i, err := strconv.Atoi(string(name[len(prefix):]))
	return i, err == nil
}

func (b *bench) mapping(i int) *v1alpha1.AgentGroupMapping {
	builder := testenv.Mapping(mappingName(i)).In(namespace).Account(accountName).Agent(strconv.Itoa(i))
	for group := range b.Groups {
		builder.Group(strconv.Itoa(90+group), group%2 == 0)
	}
	return builder.Build()
}

// create creates n mappings.
func (b *bench) create(ctx context.Context, n int) error {
	return b.forEach(ctx, "creating mappings", n, func(i int) error { return b.admin.Create(ctx, b.mapping(i)) })
}

// removeAll deletes all mappings without DeepCall's being told.
func (b *bench) removeAll(ctx context.Context) error {
	all := &metav1.PartialObjectMetadataList{}
	all.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
	if err := b.admin.List(ctx, all, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list the mappings: %w", err)
	}
	free := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	return b.forEach(ctx, "removing mappings", len(all.Items), func(i int) error {
		mapping := &all.Items[i]
		if len(mapping.Finalizers) > 0 {
			if err := b.admin.Patch(ctx, mapping, free); err != nil {
				return client.IgnoreNotFound(err)
			}
		}
		return client.IgnoreNotFound(b.admin.Delete(ctx, mapping))
	})
}

// forEach does something for 0 to n-1, many at once, and says how far it is. It ends at the first failure.
func (b *bench) forEach(ctx context.Context, what string, n int, do func(i int) error) error {
	var next, done atomic.Int64
	var failed atomic.Bool
	ended := b.tell(func() string { return fmt.Sprintf("%s: %d of %d", what, done.Load(), n) })
	defer ended()
	failures := make([]error, atOnce)
	var working sync.WaitGroup
	for worker := range atOnce {
		working.Go(func() {
			for !failed.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failures[worker] = fmt.Errorf("%s: %w", what, err)
					failed.Store(true)
					return
				}
				done.Add(1)
			}
		})
	}
	working.Wait()
	return errors.Join(append(failures, ctx.Err())...)
}

// tell says something every ten seconds, until it is ended.
func (b *bench) tell(something func() string) (end func()) {
	ticker, ending := time.NewTicker(beat), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				b.say("%s", something())
			case <-ending:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(ending) }
}
