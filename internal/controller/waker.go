package controller

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/deepcall/deepcall-operator/internal/account"
)

// urgency is a priority in a controller's queue: the higher goes first.
type urgency int

const (
	// look is for those that may have nothing to do, of which there may be many: at a start, and when an account changes.
	look urgency = handler.LowPriority
	// repetition is for the turn of a resync, and its answer. They go before looks, so that what is begun is ended first.
	repetition urgency = handler.LowPriority / 2
	// news is for edits and what follows from them. The watches use it, too.
	news urgency = 0
)

func urgencyOf(p account.Priority) urgency {
	if p == account.Resync {
		return repetition
	}
	return news
}

// waker adds to a controller's queue from outside of its watches.
type waker[request comparable] struct {
	queue workqueue.TypedRateLimitingInterface[request]
	ready chan struct{}
}

func (w *waker[request]) source() source.TypedSource[request] {
	w.ready = make(chan struct{})
	return source.TypedFunc[request](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[request]) error {
		w.queue = queue
		close(w.ready)
		return nil
	})
}

// wake adds a request. One that is queued keeps the higher urgency. It is a matter of start-up only that it waits for
// the queue.
func (w *waker[request]) wake(r request, u urgency) {
	<-w.ready
	priority := int(u)
	if queue, ok := w.queue.(priorityqueue.PriorityQueue[request]); ok {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, r)
		return
	}
	w.queue.Add(r)
}

// wakeAfter adds a request once that time is over. As long as there is no queue, there is nothing to be woken: all are
// looked at once there is one.
func (w *waker[request]) wakeAfter(r request, wait time.Duration) {
	select {
	case <-w.ready:
		w.queue.AddAfter(r, wait)
	default:
	}
}
