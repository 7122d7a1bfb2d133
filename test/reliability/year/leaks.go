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
	// maxSeries bounds the operator's own metrics: two accounts, and the codes that DeepCall returned.
	maxSeries = 150
	// After its first calm day, the heap of a process can grow by heapGrowth, and by heapGrowthPerRequest for
	// each request. The first event, which allocates 200 KiB once, sets a new baseline.
	heapGrowth           = 64 << 10
	heapGrowthPerRequest = 32
)

// checkMetrics compares the metrics with the state, and bounds the number of series.
func (e *testEnv) checkMetrics() {
	families, err := e.process.registry.Gather()
	if err != nil {
		e.violate("metrics: %v", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	series, mappings := 0, 0
	for _, family := range families {
		series += len(family.Metric)
		for _, metric := range family.Metric {
			account := labelOf(metric, "account")
			healthy := account != "" && len(e.faultsBetween(account, now, now)) == 0 && !e.anyGroupDeleted(account, now)
			switch value := metric.GetGauge().GetValue(); {
			case family.GetName() == "deepcall_mappings":
				mappings += int(value)
			case family.GetName() == "deepcall_api_requests_in_flight" && value != 0:
				e.violateLocked("leak: %v requests of %s are in flight while the manager is idle", value, account)
			case family.GetName() == "deepcall_resync_lag_seconds" && healthy && value > 1:
				e.violateLocked("drift: a resync of %s has been due for %v s", account, value)
			}
		}
	}
	if series > maxSeries {
		e.violateLocked("leak: %d series", series)
	}
	if stored, _ := e.apiServer.list(mappingKind, ""); mappings != len(stored) {
		e.violateLocked("leak: the metrics count %d mappings, but there are %d", mappings, len(stored))
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

// resourceUsage is what a process uses after a number of requests.
type resourceUsage struct {
	goroutines goroutineCounts
	heap       uint64
	requests   int
}

// checkMemory compares the goroutines and the heap of the process with those of its first calm day.
func (e *testEnv) checkMemory() {
	if !e.healthyFor(hour) {
		return
	}
	e.replaceServers() // their ledgers are part of the heap
	e.apiServer.compact()
	runtime.GC()
	runtime.GC() // the first one doesn't empty the pools
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p, usage := e.process, &resourceUsage{countGoroutines(), memory.HeapAlloc, e.requestCount()}
	if p.baseline == nil {
		p.baseline = usage
		return
	}
	if excess := usage.goroutines.exceeding(p.baseline.goroutines, firstEventGoroutines); excess != "" {
		e.violate("leak: there are more goroutines than on the first calm day of the process:%s", excess)
	}
	if usage.goroutines.exceeding(p.baseline.goroutines, nil) != "" { // since the first event
		p.baseline = usage
		return
	}
	p.leakChecked = usage.requests - p.baseline.requests
	if limit := p.baseline.heap + heapGrowth + uint64(heapGrowthPerRequest*p.leakChecked); usage.heap > limit {
		e.violate("leak: the heap has grown from %d to %d bytes in %d requests", p.baseline.heap, usage.heap, p.leakChecked)
	}
}

func (e *testEnv) requestCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests
}

// goroutineCounts counts goroutines by the function that started them.
type goroutineCounts map[string]int

var createdBy = regexp.MustCompile(`(?m)^created by (\S+)`)

func countGoroutines() goroutineCounts {
	buffer := make([]byte, 4<<20)
	counts := goroutineCounts{}
	for _, found := range createdBy.FindAllSubmatch(buffer[:runtime.Stack(buffer, true)], -1) {
		counts[string(found[1])]++
	}
	return counts
}

// firstEventGoroutines are the goroutines that the first event of a process starts.
var firstEventGoroutines = goroutineCounts{
	"k8s.io/apimachinery/pkg/watch.NewBroadcaster":                                          1,
	"k8s.io/apimachinery/pkg/watch.NewLongQueueBroadcaster":                                 1,
	"k8s.io/client-go/tools/events.(*eventBroadcasterImpl).StartRecordingToSinkWithContext": 2,
	"k8s.io/client-go/tools/events.(*eventBroadcasterImpl).startEventWatcher":               2,
	"k8s.io/client-go/tools/events.(*eventBroadcasterImpl).startRecordingEvents":            1,
	"k8s.io/client-go/tools/record.(*eventBroadcasterImpl).StartEventWatcher":               2,
}

// exceeding describes the goroutines whose count exceeds both before and expected. It is empty if there are none.
func (c goroutineCounts) exceeding(before, expected goroutineCounts) string {
	excess := ""
	for _, function := range slices.Sorted(maps.Keys(c)) {
		if n := c[function]; n > before[function] && n > expected[function] {
			excess += fmt.Sprintf("\n  %d of %s instead of %d", n, function, before[function])
		}
	}
	return excess
}
