package year

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

const (
	// mostSeries bound the operator's own metrics: two accounts, and the catalogue's answers seen.
	mostSeries = 150
	// From its first calm day on, a process's heap may grow so much, and so much for each call. Its first event, which
	// takes 200 KiB once, is left out.
	someBytes    = 64 << 10
	bytesPerCall = 32
)

// checkMetrics holds the metrics against what there is, and bounds their number.
func (w *world) checkMetrics() {
	families, err := w.process.registry.Gather()
	if err != nil {
		w.violate("metrics: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	series, counted := 0, 0
	for _, family := range families {
		series += len(family.Metric)
		for _, metric := range family.Metric {
			account := labelOf(metric, "account")
			well := account != "" && len(w.troubled(account, now, now)) == 0 && !w.anyLost(account, now)
			switch value := metric.GetGauge().GetValue(); {
			case family.GetName() == "deepcall_mappings":
				counted += int(value)
			case family.GetName() == "deepcall_api_requests_in_flight" && value != 0:
				w.violateLocked("leak: %v calls of %s are in flight at a quiet time", value, account)
			case family.GetName() == "deepcall_resync_lag_seconds" && well && value > 1:
				w.violateLocked("drift: a resync of %s has been due for %v s", account, value)
			}
		}
	}
	if series > mostSeries {
		w.violateLocked("leak: %d series", series)
	}
	if stored, _ := w.kube.list(mappingKind, ""); counted != len(stored) {
		w.violateLocked("leak: the metrics count %d mappings, and there are %d", counted, len(stored))
	}
}

func labelOf(metric *dto.Metric, name string) string {
	for _, label := range metric.Label {
		if strings.EqualFold(label.GetName(), name) {
			return label.GetValue()
		}
	}
	return ""
}

// checkMemory compares a process's goroutines and heap with what they were in its first calm days.
func (w *world) checkMemory() {
	if !w.wellFor(hour) {
		return
	}
	w.renew() // the ledgers, which are the test's own
	w.kube.forget()
	runtime.GC()
	runtime.GC() // the first one leaves the pools
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p, now, calls := w.process, goroutines(), w.callsSoFar()
	if p.goroutines == nil {
		p.goroutines, p.heap, p.since = now, memory.HeapAlloc, calls
		return
	}
	if more := now.beyond(p.goroutines, withFirstEvent); more != "" {
		w.violate("leak: there are more goroutines than on the process's first calm day:%s", more)
	}
	if now.beyond(p.goroutines, nil) != "" { // there was the first event
		p.goroutines, p.heap, p.since = now, memory.HeapAlloc, calls
		return
	}
	p.judged = calls - p.since
	if most := p.heap + someBytes + uint64(bytesPerCall*p.judged); memory.HeapAlloc > most {
		w.violate("leak: %d bytes of heap, where there were %d, after %d calls", memory.HeapAlloc, p.heap, p.judged)
	}
}

func (w *world) callsSoFar() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// wellFor is true when no account was in trouble for so long.
func (w *world) wellFor(d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	return len(w.troubled("acme", now.Add(-d), now))+len(w.troubled("beta", now.Add(-d), now)) == 0
}

// census counts goroutines by what started them.
type census map[string]int

var startedBy = regexp.MustCompile(`(?m)^created by (\S+)`)

func goroutines() census {
	buffer := make([]byte, 4<<20)
	counts := census{}
	for _, found := range startedBy.FindAllSubmatch(buffer[:runtime.Stack(buffer, true)], -1) {
		counts[string(found[1])]++
	}
	return counts
}

// withFirstEvent are the goroutines that the first event of a process starts, and their number.
var withFirstEvent = census{
	"k8s.io/apimachinery/pkg/watch.NewBroadcaster":                                          1,
	"k8s.io/apimachinery/pkg/watch.NewLongQueueBroadcaster":                                 1,
	"k8s.io/client-go/tools/events.(*eventBroadcasterImpl).StartRecordingToSinkWithContext": 2,
	"k8s.io/client-go/tools/events.(*eventBroadcasterImpl).startEventWatcher":               2,
	"k8s.io/client-go/tools/events.(*eventBroadcasterImpl).startRecordingEvents":            1,
	"k8s.io/client-go/tools/record.(*eventBroadcasterImpl).StartEventWatcher":               2,
}

// beyond tells what there is more of than before, but for what was to be expected; empty if nothing.
func (c census) beyond(before, expected census) string {
	more := ""
	for _, what := range slices.Sorted(maps.Keys(c)) {
		if c[what] > before[what] && c[what] > expected[what] {
			more += fmt.Sprintf("\n  %d by %s, where there were %d", c[what], what, before[what])
		}
	}
	return more
}
