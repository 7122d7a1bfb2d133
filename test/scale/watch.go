package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// stallTimeout is how long to wait without progress before failing.
const stallTimeout = 90 * time.Second

// maxLine exceeds the size of a mapping with 500 groups and its managedFields.
const maxLine = 4 << 20

// watcher tracks for which generation each mapping is Ready, and since when.
type watcher struct {
	bench *bench
	stop  context.CancelFunc

	mu      sync.Mutex
	ready   []int64 // the generation, by mapping; 0 if it isn't Ready
	since   []time.Time
	sizes   []float64
	err     error
	changed chan struct{} // closed and replaced at every change
}

// watch starts to watch n mappings that are not Ready yet.
func (b *bench) watch(ctx context.Context, n int) (*watcher, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
	if err := b.admin.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
		return nil, fmt.Errorf("get the resource version: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{
		bench: b, stop: cancel,
		ready: make([]int64, n), since: make([]time.Time, n), sizes: make([]float64, n), changed: make(chan struct{}),
	}
	go w.run(ctx, list.ResourceVersion)
	return w, nil
}

func (w *watcher) run(ctx context.Context, version string) {
	for ctx.Err() == nil {
		last, err := w.read(ctx, version)
		if err != nil && ctx.Err() == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.err = err
			w.notify()
			return
		}
		version = last
	}
}

// read handles events until the API server ends the watch, and returns the last resource version.
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
		return version, errors.New("watch the mappings: the API server responded " + response.Status)
	}
	lines := bufio.NewReaderSize(response.Body, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || bytes.HasPrefix(line, []byte(`{"type":"ERROR"`)) {
			return version, fmt.Errorf("watch the mappings: %.300s", line)
		}
		if err != nil {
			return version, nil
		}
		if e, ok := parseEvent(line); ok {
			version = e.version
			w.handle(e)
		}
	}
}

func (w *watcher) handle(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.index >= len(w.ready) || e.ready == w.ready[e.index] {
		return
	}
	w.ready[e.index], w.since[e.index], w.sizes[e.index] = e.ready, time.Now(), float64(e.size)
	w.notify()
}

// notify reports a change to waitMappingReady. The caller holds mu.
func (w *watcher) notify() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// waitAllReady waits until the process has made all new mappings Ready.
func (w *watcher) waitAllReady(ctx context.Context, name string, p *process) error {
	return w.waitReady(ctx, name, slices.Repeat([]int64{1}, len(w.ready)), p)
}

// waitReady waits until each mapping is Ready for at least its wanted generation. It fails if the process ends or
// makes no progress for stallTimeout.
func (w *watcher) waitReady(ctx context.Context, name string, want []int64, p *process) error {
	start := time.Now()
	stop := w.bench.reportProgress(func() string {
		return fmt.Sprintf("%s: %d of %d after %.0f s", name, len(want)-len(w.missing(want)), len(want), time.Since(start).Seconds())
	})
	defer stop()
	fewest, progress := len(want)+1, start
	// handle records the exact times.
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (done bool, err error) {
		missing := w.missing(want)
		if len(missing) < fewest {
			fewest, progress = len(missing), time.Now()
		}
		switch err := errors.Join(w.error(), p.checkRunning()); {
		case len(missing) == 0:
			return true, nil
		case err != nil:
			return false, fmt.Errorf("%s: %d of %d are missing: %s: %w", name, len(missing), len(want), abbreviate(missing), err)
		case time.Since(progress) > stallTimeout:
			return false, fmt.Errorf("%s: no progress for %s; %d of %d are missing: %s",
				name, stallTimeout, len(missing), len(want), abbreviate(missing))
		}
		return false, nil
	})
}

// waitMappingReady waits until one mapping is Ready for the generation.
func (w *watcher) waitMappingReady(ctx context.Context, i int, generation int64) error {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	for {
		w.mu.Lock()
		ready, changed, err := w.ready[i], w.changed, w.err
		w.mu.Unlock()
		if err != nil || ready >= generation {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s is not Ready for generation %d: %w", mappingName(i), generation, ctx.Err())
		}
	}
}

func (w *watcher) error() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// missing returns the mappings that aren't Ready for the wanted generation.
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

// readyTimes returns the times from start until each mapping became Ready, sorted.
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

// medianSize returns the median size of a mapping in a watch event.
func (w *watcher) medianSize() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return median(w.sizes)
}

// abbreviate lists the names of up to five mappings.
func abbreviate(mappings []int) string {
	var names []string
	for _, i := range mappings[:min(len(mappings), 5)] {
		names = append(names, mappingName(i))
	}
	if len(mappings) > 5 {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

// event is the part of a watch event that the benchmark needs.
type event struct {
	index   int    // of the mapping
	version string // its resourceVersion
	ready   int64  // the generation if it is Ready for the current one, else 0
	size    int    // of the whole line
}

// parseEvent parses a line of a watch without decoding it, because the watch shares the CPUs with the measured
// process. The API server sorts the keys of an object and escapes quotes in strings, so these matches are exact.
func parseEvent(line []byte) (event, bool) {
	if bytes.HasPrefix(line, []byte(`{"type":"ERROR"`)) || bytes.HasPrefix(line, []byte(`{"type":"DELETED"`)) {
		return event{}, false
	}
	index, ok := mappingIndex(valueOf(line, `"name":"`))
	if !ok {
		return event{}, false
	}
	e := event{index: index, version: string(valueOf(line, `"resourceVersion":"`)), size: len(line)}
	generation := valueOf(line, `"generation":`)
	ready := []byte(`"observedGeneration":` + string(generation) + `,"reason":"Synced","status":"True","type":"Ready"`)
	if bytes.Contains(line, ready) {
		e.ready, _ = strconv.ParseInt(string(generation), 10, 64) // always a number
	}
	return e, true
}

// valueOf returns the value after the first occurrence of a key: a string up to its quote, or a number.
func valueOf(line []byte, key string) []byte {
	_, rest, found := bytes.Cut(line, []byte(key))
	if !found {
		return nil
	}
	end := bytes.IndexAny(rest, `",}`)
	return rest[:max(end, 0)]
}
