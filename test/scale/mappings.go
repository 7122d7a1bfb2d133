package main

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// concurrency is the number of concurrent API requests of the benchmark itself.
const concurrency = 32

// firstGroup is the group that edits change.
const firstGroup = "90"

func mappingName(i int) string { return fmt.Sprintf("agent-%06d", i) }

// mappingIndex is the inverse of mappingName; it returns false for other names.
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

func (b *bench) createMappings(ctx context.Context, n int) error {
	return b.forEach(ctx, "creating mappings", n, func(i int) error { return b.admin.Create(ctx, b.mapping(i)) })
}

// deleteMappings deletes all mappings without requests to DeepCall.
func (b *bench) deleteMappings(ctx context.Context) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
	if err := b.admin.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list the mappings: %w", err)
	}
	return b.forEach(ctx, "deleting mappings", len(list.Items), func(i int) error {
		mapping := &list.Items[i]
		if len(mapping.Finalizers) > 0 {
			if err := b.admin.Patch(ctx, mapping, removeFinalizers); err != nil {
				return client.IgnoreNotFound(err)
			}
		}
		return client.IgnoreNotFound(b.admin.Delete(ctx, mapping))
	})
}

// forEach calls do concurrently for 0 to n-1 and reports the progress. It stops at the first error.
func (b *bench) forEach(ctx context.Context, name string, n int, do func(i int) error) error {
	var done atomic.Int64
	stop := b.reportProgress(func() string { return fmt.Sprintf("%s: %d of %d", name, done.Load(), n) })
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := do(i); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			done.Add(1)
			return nil
		})
	}
	return group.Wait()
}
