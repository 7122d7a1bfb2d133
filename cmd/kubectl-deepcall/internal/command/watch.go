package command

import (
	"context"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
)

const (
	// gatherInterval is the time in which changes are gathered before the screen is printed again.
	gatherInterval   = 200 * time.Millisecond
	syncPollInterval = 20 * time.Millisecond
)

// objects selects the objects that a command watches.
type objects struct {
	resource       string
	kind           runtime.Object
	namespace      string
	labels, fields string // selectors
}

// screen is an output that is printed again whenever its content changes. Content excludes everything that changes with time alone.
type screen struct{ text, content string }

// showChanges prints a screen, and prints it again after changes of the watched objects, until it is interrupted. show gets a store
// of each kind of objects.
func (f *factory) showChanges(ctx context.Context, watched []objects, show func(context.Context, []cache.Store) (screen, error)) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	changed, failed := make(chan struct{}, 1), make(chan error, 1)
	stores, err := f.startInformers(ctx, watched, changed, failed)
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	last := ""
	for first := true; ctx.Err() == nil; first = false {
		next, err := show(ctx, stores)
		if err != nil {
			return unlessInterrupted(ctx, err)
		}
		if first || next.content != last {
			f.printScreen(next.text, first)
		}
		last = next.content
		select {
		case <-ctx.Done():
		case err := <-failed:
			return err
		case <-changed:
			pause(ctx, gatherInterval)
		}
	}
	return nil
}

// unlessInterrupted returns the error unless it follows from the interrupt that ends a watch.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// startInformers returns a store of each kind of objects once it is complete. Later changes are signaled, and missing rights are
// reported.
func (f *factory) startInformers(ctx context.Context, watched []objects, changed chan<- struct{}, failed chan error) ([]cache.Store, error) {
	client, err := f.client()
	if err != nil {
		return nil, err
	}
	var stores []cache.Store
	for _, o := range watched {
		source := cache.NewFilteredListWatchFromClient(client, o.resource, o.namespace, func(options *metav1.ListOptions) {
			options.LabelSelector, options.FieldSelector = o.labels, o.fields
		})
		informer := cache.NewSharedIndexInformer(source, o.kind, 0, cache.Indexers{})
		onError := func(_ *cache.Reflector, err error) {
			if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
				trySend(failed, err)
			}
		}
		if err := informer.SetWatchErrorHandler(onError); err != nil {
			return nil, fmt.Errorf("watch %s: %w", o.resource, err)
		}
		handler := cache.ResourceEventHandlerDetailedFuncs{
			AddFunc: func(_ any, isInInitialList bool) {
				if !isInInitialList {
					trySend(changed, struct{}{})
				}
			},
			UpdateFunc: func(any, any) { trySend(changed, struct{}{}) },
			DeleteFunc: func(any) { trySend(changed, struct{}{}) },
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", o.resource, err)
		}
		go informer.RunWithContext(ctx)
		if err := awaitSync(ctx, registration.HasSynced, failed); err != nil {
			return nil, err
		}
		stores = append(stores, informer.GetStore())
	}
	return stores, nil
}

// awaitSync waits until an informer has its initial list.
func awaitSync(ctx context.Context, synced func() bool, failed <-chan error) error {
	return wait.PollUntilContextCancel(ctx, syncPollInterval, true, func(context.Context) (bool, error) {
		select {
		case err := <-failed:
			return false, err
		default:
			return synced(), nil
		}
	})
}

func pause(ctx context.Context, duration time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	<-ctx.Done()
}

// trySend sends a value unless the channel is full.
func trySend[T any](channel chan<- T, value T) {
	select {
	case channel <- value:
	default:
	}
}

// printScreen replaces the former screen on a terminal. Elsewhere, an empty line separates them.
func (f *factory) printScreen(text string, first bool) {
	switch {
	case isTerminal(f.Out):
		_, _ = io.WriteString(f.Out, "\x1b[H\x1b[2J")
	case !first:
		fmt.Fprintln(f.Out)
	}
	_, _ = io.WriteString(f.Out, text)
}
