package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// patience is how long nothing may come to pass before something counts as hung.
const patience = 90 * time.Second

// maxLine is more than a mapping of 500 groups takes, with all that the API server notes of its fields.
const maxLine = 4 << 20

// watcher knows of each mapping for which generation it is Ready, and since when.
type watcher struct {
	bench *bench
	end   context.CancelFunc

	mu     sync.Mutex
	ready  []int64 // by mapping, the generation; 0 while not Ready
	since  []time.Time
	sizes  []float64
	failed error
	moved  chan struct{} // closed, and made anew, by every change
}

// watch begins to watch n mappings, none of which is Ready.
func (b *bench) watch(ctx context.Context, n int) (*watcher, error) {
	one := &metav1.PartialObjectMetadataList{}
	one.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
	if err := b.admin.List(ctx, one, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return nil, fmt.Errorf("find where to watch from: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{
		bench: b, end: cancel,
		ready: make([]int64, n), since: make([]time.Time, n), sizes: make([]float64, n), moved: make(chan struct{}),
	}
	go w.run(ctx, one.ResourceVersion)
	return w, nil
}

func (w *watcher) run(ctx context.Context, version string) {
	for ctx.Err() == nil {
		seen, err := w.read(ctx, version)
		if err != nil && ctx.Err() == nil {
			w.change(func() { w.failed = err })
			return
		}
		version = seen
	}
}

// read takes in events until the API server ends the watch, which it does now and then.
func (w *watcher) read(ctx context.Context, version string) (string, error) {
	url := fmt.Sprintf("%s/apis/%s/namespaces/%s/agentgroupmappings?watch=1&resourceVersion=%s",
		w.bench.apiURL, v1alpha1.GroupVersion, namespace, version)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return version, fmt.Errorf("watch the mappings: %w", err)
	}
	response, err := w.bench.api.Do(request)
	if err != nil {
		return version, fmt.Errorf("watch the mappings: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return version, errors.New("watch the mappings: the API server answers " + response.Status)
	}
	lines := bufio.NewReaderSize(response.Body, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || strings.HasPrefix(string(line[:min(len(line), 15)]), `{"type":"ERROR"`) {
			return version, fmt.Errorf("watch the mappings: %.300s", line)
		}
		if err != nil {
			return version, nil
		}
		if e, ok := readEvent(line); ok {
			version = e.version
			w.take(e)
		}
	}
}

func (w *watcher) take(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.index >= len(w.ready) || e.ready == w.ready[e.index] {
		return
	}
	w.ready[e.index], w.since[e.index], w.sizes[e.index] = e.ready, time.Now(), float64(e.size)
	w.ring()
}

func (w *watcher) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	w.ring()
}

func (w *watcher) ring() {
	close(w.moved)
	w.moved = make(chan struct{})
}

// untilReady waits until all mappings are Ready, as long as there is progress.
func (w *watcher) untilReady(ctx context.Context, what string) error {
	want := make([]int64, len(w.ready))
	for i := range want {
		want[i] = 1
	}
	return w.until(ctx, what, want)
}

// until waits until each mapping is Ready for at least the wanted generation, as long as there is progress.
func (w *watcher) until(ctx context.Context, what string, want []int64) error {
	began := time.Now()
	ended := w.bench.tell(func() string {
		return fmt.Sprintf("%s: %d of %d after %.0f s", what, len(want)-len(w.missing(want)), len(want), time.Since(began).Seconds())
	})
	defer ended()
	look := time.NewTicker(50 * time.Millisecond) // the times are taken from the events
	defer look.Stop()
	behind, moved := len(want)+1, began
	for {
		missing := w.missing(want)
		if len(missing) < behind {
			behind, moved = len(missing), time.Now()
		}
		switch err := w.error(); {
		case err != nil:
			return err
		case len(missing) == 0:
			return nil
		case time.Since(moved) > patience:
			return fmt.Errorf("%s: nothing came to pass for %s; %d of %d are missing: %s",
				what, patience, len(missing), len(want), some(missing))
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// untilSynced waits until one mapping is Ready for the generation.
func (w *watcher) untilSynced(ctx context.Context, i int, generation int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		w.mu.Lock()
		ready, moved, err := w.ready[i], w.moved, w.failed
		w.mu.Unlock()
		if err != nil || ready >= generation {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%s is not Ready for generation %d: %w", mappingName(i), generation, ctx.Err())
		}
	}
}

func (w *watcher) error() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// missing are the mappings that are not Ready for the wanted generation.
func (w *watcher) missing(want []int64) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []int
	for i, generation := range want {
		if w.ready[i] < generation {
			missing = append(missing, i)
		}
	}
	return missing
}

// readyTimes are how long after the start each mapping became what it is, sorted.
func (w *watcher) readyTimes(start time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var times []time.Duration
	for i, at := range w.since {
		if w.ready[i] > 0 {
			times = append(times, at.Sub(start))
		}
	}
	slices.Sort(times)
	return times
}

// size is how big a mapping is, as the API server shows it.
func (w *watcher) size() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return median(w.sizes)
}

// some names up to five mappings.
func some(mappings []int) string {
	var names []string
	for _, i := range mappings[:min(len(mappings), 5)] {
		names = append(names, mappingName(i))
	}
	if len(mappings) > 5 {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
