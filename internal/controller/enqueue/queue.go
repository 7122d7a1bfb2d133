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

// Queue is the work queue of a controller. Add and AddLowPriority block until the controller starts.
type Queue[key comparable] struct {
	queue   priorityqueue.PriorityQueue[key]
	started chan struct{}
}

// New returns the queue of the controller that watches its Source.
func New[key comparable]() *Queue[key] {
	return &Queue[key]{started: make(chan struct{})}
}

// Source returns a source without events. The controller passes its queue to it when it starts.
func (q *Queue[key]) Source() source.TypedSource[key] {
	return source.TypedFunc[key](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[key]) error {
		q.queue = queue.(priorityqueue.PriorityQueue[key]) // controller-runtime's default
		close(q.started)
		return nil
	})
}

// Add enqueues a key.
func (q *Queue[key]) Add(k key) {
	<-q.started
	q.queue.Add(k)
}

// AddAfter enqueues a key after a delay. It does nothing before the controller starts, which enqueues all objects.
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
	q.queue.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, k)
}

// RateLimiter returns the rate limiter of failed reconciles: each after 100 ms to 30 s, in total at most 50 per second.
func RateLimiter[key comparable]() workqueue.TypedRateLimiter[key] {
	return workqueue.NewTypedMaxOfRateLimiter(
		workqueue.NewTypedItemExponentialFailureRateLimiter[key](100*time.Millisecond, 30*time.Second),
		&workqueue.TypedBucketRateLimiter[key]{Limiter: rate.NewLimiter(50, 100)},
	)
}
