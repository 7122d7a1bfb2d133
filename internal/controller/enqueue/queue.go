// Package enqueue adds keys to a controller's work queue from outside of its watches.
package enqueue

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Queue is the work queue of a controller. The controller sets it when it starts; until then, Add and AddLowPriority wait.
type Queue[key comparable] struct {
	queue   workqueue.TypedRateLimitingInterface[key]
	started chan struct{}
}

// New returns the queue of a controller that is to watch its Source.
func New[key comparable]() *Queue[key] {
	return &Queue[key]{started: make(chan struct{})}
}

// Source is a source without events, from which the queue becomes known.
func (q *Queue[key]) Source() source.TypedSource[key] {
	return source.TypedFunc[key](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[key]) error {
		q.queue = queue
		close(q.started)
		return nil
	})
}

// Add enqueues a key.
func (q *Queue[key]) Add(k key) {
	<-q.started
	q.queue.Add(k)
}

// AddAfter enqueues a key after a delay. Before the controller starts there is no need to: all objects are enqueued then.
func (q *Queue[key]) AddAfter(k key, delay time.Duration) {
	select {
	case <-q.started:
		q.queue.AddAfter(k, delay)
	default:
	}
}

// AddLowPriority enqueues a key behind all others.
func (q *Queue[key]) AddLowPriority(k key) {
	<-q.started
	low := handler.LowPriority
	if queue, ok := q.queue.(priorityqueue.PriorityQueue[key]); ok {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, k)
		return
	}
	q.queue.Add(k)
}

// RateLimiter returns how failed reconciles, mostly errors of the API server, are repeated: after 100 ms up to 30 s, and at
// most 50 per second in total.
func RateLimiter[key comparable]() workqueue.TypedRateLimiter[key] {
	return workqueue.NewTypedMaxOfRateLimiter(
		workqueue.NewTypedItemExponentialFailureRateLimiter[key](100*time.Millisecond, 30*time.Second),
		&workqueue.TypedBucketRateLimiter[key]{Limiter: rate.NewLimiter(50, 100)},
	)
}
