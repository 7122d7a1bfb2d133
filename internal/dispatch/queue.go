package dispatch

import (
	"container/heap"
	"maps"
	"slices"
	"time"
)

// Ask describes the request that an agent needs a permit for.
type Ask struct {
	// Priority orders the agents of an account: higher first, then the one that asked first.
	Priority Priority
	// Removal marks a request that only removes groups. It can be sent even after the Secret is deleted.
	Removal bool
}

// Priority of a request within its account.
type Priority int

const (
	// PeriodicResync sends the applied groups again because the resync interval has passed.
	PeriodicResync Priority = iota
	// RequestedResync sends the applied groups again because a user requested it.
	RequestedResync
	// Retry sends a change again that failed.
	Retry
	// Edit sends an edit or deletion for the first time.
	Edit
)

func (p Priority) isResync() bool { return p <= RequestedResync }

// queue holds the agents that wait for a permit, in the order in which they get one. Its zero value is empty.
type queue struct {
	heap      waiterHeap
	byAgentID map[string]*waiter
	// kept are the places of agents that do not wait now.
	kept    map[string]place
	lastSeq int
}

// place is the place of an agent among those of equal priority.
type place struct {
	seq   int
	since time.Time // when the agent first asked for the permit
}

type waiter struct {
	agentID string
	ask     Ask
	place
	index int // in the heap
}

// put adds an agent that asks now. One that waits already keeps its place among its equals, and only changes what it asks for.
func (q *queue) put(agentID string, ask Ask, now time.Time) {
	if w := q.byAgentID[agentID]; w != nil {
		w.ask = ask
		heap.Fix(&q.heap, w.index)
		return
	}
	if q.byAgentID == nil {
		q.byAgentID = map[string]*waiter{}
	}
	at, kept := q.kept[agentID]
	if !kept {
		q.lastSeq++
		at = place{seq: q.lastSeq, since: now}
	}
	delete(q.kept, agentID)
	w := &waiter{agentID: agentID, ask: ask, place: at}
	q.byAgentID[agentID] = w
	heap.Push(&q.heap, w)
}

// keep keeps the place of an agent that does not wait now, until it asks again or is removed.
func (q *queue) keep(agentID string, at place) {
	if q.kept == nil {
		q.kept = map[string]place{}
	}
	q.kept[agentID] = at
}

// remove removes an agent if it waits, and its kept place.
func (q *queue) remove(agentID string) {
	delete(q.kept, agentID)
	w := q.byAgentID[agentID]
	if w == nil {
		return
	}
	delete(q.byAgentID, agentID)
	heap.Remove(&q.heap, w.index)
}

// first returns the waiter that is next, or nil. If removalsOnly is set, only removals are considered.
func (q *queue) first(removalsOnly bool) *waiter {
	if !removalsOnly && len(q.heap) > 0 {
		return q.heap[0]
	}
	return q.min(func(*waiter, *waiter) int { return 0 }, func(ask Ask) bool { return ask.Removal })
}

// min returns the least of the eligible waiters, of equal ones the one that is next. Nil if there is none.
func (q *queue) min(compare func(v, w *waiter) int, eligible func(Ask) bool) *waiter {
	var least *waiter
	for _, w := range q.heap {
		if !eligible(w.ask) {
			continue
		}
		if least == nil {
			least = w
			continue
		}
		if c := compare(w, least); c < 0 || (c == 0 && w.precedes(least)) {
			least = w
		}
	}
	return least
}

// agentIDs returns all agents that wait, sorted.
func (q *queue) agentIDs() []string {
	return slices.Sorted(maps.Keys(q.byAgentID))
}

func (w *waiter) precedes(other *waiter) bool {
	if w.ask.Priority != other.ask.Priority {
		return w.ask.Priority > other.ask.Priority
	}
	return w.seq < other.seq
}

// waiterHeap implements heap.Interface.
type waiterHeap []*waiter

func (h waiterHeap) Len() int           { return len(h) }
func (h waiterHeap) Less(i, j int) bool { return h[i].precedes(h[j]) }
func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiterHeap) Push(x any) {
	w := x.(*waiter) // only put pushes
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waiterHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
