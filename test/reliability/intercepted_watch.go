package reliability

import (
	"context"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// newInformer creates an informer whose lists and watches are intercepted.
func (w *watchInterceptor) newInformer(
	lw toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	kind := "secrets" // their metadata is watched
	switch obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		kind = "mappings"
	case *v1alpha1.DeepCallAccount:
		kind = "accounts"
	}
	return toolscache.NewSharedIndexInformer(w.wrap(kind, toolscache.ToListerWatcherWithContext(lw)), obj, resync, indexers)
}

func (w *watchInterceptor) wrap(kind string, next toolscache.ListerWatcherWithContext) *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if isFirstList(options) && w.takeSnapshot(kind) {
				options.ResourceVersion, options.ResourceVersionMatch = w.snapshot, metav1.ResourceVersionMatchExact
			}
			return next.ListWithContext(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			streams := options.SendInitialEvents != nil && *options.SendInitialEvents
			if streams && isFirstList(options) && w.hasSnapshot(kind) {
				// Only a list can be from an older snapshot.
				return nil, apierrors.NewBadRequest("this API server can't stream initial events")
			}
			inner, err := next.WatchWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return w.startWatch(kind, inner, streams), nil
		},
	}
}

// isFirstList reports whether the options are those of an informer's first list, which accepts any version.
func isFirstList(options metav1.ListOptions) bool {
	return options.ResourceVersion == "" || options.ResourceVersion == "0"
}

// hasSnapshot reports whether the first list of a kind must be from an older snapshot.
func (w *watchInterceptor) hasSnapshot(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot != "" && !w.snapshotServed[kind]
}

func (w *watchInterceptor) takeSnapshot(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.snapshot == "" || w.snapshotServed[kind] {
		return false
	}
	w.snapshotServed[kind] = true
	w.logf("the next process lists the %s of version %s", kind, w.snapshot)
	return true
}

// interceptedWatch is a watch whose events pass the interceptor.
type interceptedWatch struct {
	interceptor *watchInterceptor
	kind        string
	late        bool // it began after the disturbance: for older, it is not one of the crashed process
	inner       watch.Interface
	result      chan watch.Event
	stopped     chan struct{}
	once        sync.Once
}

func (w *watchInterceptor) startWatch(kind string, inner watch.Interface, initialEvents bool) *interceptedWatch {
	iw := &interceptedWatch{interceptor: w, kind: kind, inner: inner, result: make(chan watch.Event), stopped: make(chan struct{})}
	w.mu.Lock()
	iw.late = w.disturbed != ""
	w.mu.Unlock()
	go iw.run(initialEvents)
	return iw
}

// ResultChan implements [watch.Interface].
func (iw *interceptedWatch) ResultChan() <-chan watch.Event { return iw.result }

// Stop implements [watch.Interface].
func (iw *interceptedWatch) Stop() {
	iw.once.Do(func() {
		close(iw.stopped)
		iw.inner.Stop()
	})
}

// run passes the events on as the interceptor decides. Initial events, which replace a list and end with a bookmark,
// are delivered unchanged.
func (iw *interceptedWatch) run(initialEvents bool) {
	defer close(iw.result)
	caughtUp := iw.interceptor.caughtUp
	for {
		select {
		case event, open := <-iw.inner.ResultChan():
			if !open {
				return
			}
			if initialEvents || event.Type == watch.Bookmark || event.Type == watch.Error {
				initialEvents = initialEvents && !endsInitialEvents(event)
			} else if !iw.intercept(&event) {
				continue
			}
			if !iw.send(event) {
				return
			}
		case <-caughtUp:
			caughtUp = nil
			if iw.interceptor.takeDroppedEvent(iw.kind) {
				iw.send(goneEvent())
				return
			}
		case <-iw.stopped:
			return
		}
	}
}

// intercept performs the action for an event and reports whether to send the event.
func (iw *interceptedWatch) intercept(event *watch.Event) bool {
	switch iw.interceptor.intercept(iw, *event) {
	case hold:
		select {
		case <-iw.interceptor.caughtUp:
			return true
		case <-iw.stopped:
			return false
		}
	case discard:
		return false
	case expire:
		*event = goneEvent()
		return true
	default:
		return true
	}
}

// send sends an event to the informer and reports whether the watch continues.
func (iw *interceptedWatch) send(event watch.Event) bool {
	select {
	case iw.result <- event:
		return event.Type != watch.Error
	case <-iw.stopped:
		return false
	}
}

func goneEvent() watch.Event {
	status := apierrors.NewResourceExpired("too old resource version").Status()
	return watch.Event{Type: watch.Error, Object: &status}
}

func endsInitialEvents(event watch.Event) bool {
	obj, err := meta.Accessor(event.Object)
	return err == nil && event.Type == watch.Bookmark && obj.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

func objectNameAndVersion(event watch.Event) (name, version string) {
	obj, err := meta.Accessor(event.Object)
	if err != nil {
		return "", ""
	}
	return obj.GetName(), obj.GetResourceVersion()
}

// precedingVersion returns the resourceVersion before a given one. All kinds share one sequence of versions.
func precedingVersion(version string) string {
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil || number < 2 {
		return ""
	}
	return strconv.FormatUint(number-1, 10)
}
