package dispatch

import (
	"container/heap"
	"maps"
	"slices"
	"time"
)

// Want says what an agent wants a turn for.
type Want struct {
	// Priority: the higher comes first; among equals, who asked first.
	Priority Priority
	// Removal is true for a call that only removes. It may still be made with the credentials
	// last read when the Secret is gone.
	Removal bool
}

// Priority of a call within its account.
type Priority int

const (
	// Resync repeats what DeepCall was told before.
	Resync Priority = iota
	// Retry repeats a change that failed.
	Retry
	// Edit is a person's change that was not tried yet.
	Edit
)

// queue holds the agents that wait for a turn, the one whose turn is next first. Its zero value is empty.
type queue struct {
	waiting waiting
	byAgent map[string]*waiter
	asked   int
}

type waiter struct {
	agent string
	want  Want
	asked int
	since time.Time
	index int
}

// put adds an agent that asked at a time, or changes what it wants, without loss of its place among equals.
func (q *queue) put(agent string, want Want, asked time.Time) {
	if w := q.byAgent[agent]; w != nil {
		w.want = want
		heap.Fix(&q.waiting, w.index)
		return
	}
	if q.byAgent == nil {
		q.byAgent = map[string]*waiter{}
	}
	q.asked++
	w := &waiter{agent: agent, want: want, asked: q.asked, since: asked}
	q.byAgent[agent] = w
	heap.Push(&q.waiting, w)
}

// since is when a waiting agent asked.
func (q *queue) since(agent string) time.Time {
	return q.byAgent[agent].since
}

// want is what a waiting agent wants.
func (q *queue) want(agent string) Want {
	return q.byAgent[agent].want
}

// remove takes an agent out, and returns what it wanted.
func (q *queue) remove(agent string) Want {
	w := q.byAgent[agent]
	if w == nil {
		return Want{}
	}
	delete(q.byAgent, agent)
	heap.Remove(&q.waiting, w.index)
	return w.want
}

// first is the agent whose turn is next, of those with a removal only if so asked.
func (q *queue) first(removalsOnly bool) (agent string, found bool) {
	if !removalsOnly {
		if len(q.waiting) == 0 {
			return "", false
		}
		return q.waiting[0].agent, true
	}
	var best *waiter
	for _, w := range q.waiting {
		if w.want.Removal && (best == nil || w.before(best)) {
			best = w
		}
	}
	if best == nil {
		return "", false
	}
	return best.agent, true
}

// agents are all that wait, sorted.
func (q *queue) agents() []string {
	return slices.Sorted(maps.Keys(q.byAgent))
}

func (w *waiter) before(other *waiter) bool {
	if w.want.Priority != other.want.Priority {
		return w.want.Priority > other.want.Priority
	}
	return w.asked < other.asked
}

// waiting is the heap behind queue.
type waiting []*waiter

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].before(w[j]) }
func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

func (w *waiting) Push(x any) {
	added := x.(*waiter) //nolint:forcetypeassert // only put pushes
	added.index = len(*w)
	*w = append(*w, added)
}

func (w *waiting) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
