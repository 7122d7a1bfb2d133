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

// newInformer puts the sight between an informer and the API server.
func (s *sight) newInformer(
	lw toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	kind := "secrets" // of which the metadata is watched
	switch obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		kind = "mappings"
	case *v1alpha1.DeepCallAccount:
		kind = "accounts"
	}
	return toolscache.NewSharedIndexInformer(s.through(kind, toolscache.ToListerWatcherWithContext(lw)), obj, resync, indexers)
}

// through is a way to the API server that the sight stands in.
func (s *sight) through(kind string, next toolscache.ListerWatcherWithContext) *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if first(options) && s.takeSnapshot(kind) {
				options.ResourceVersion, options.ResourceVersionMatch = s.snapshot, metav1.ResourceVersionMatchExact
			}
			return next.ListWithContext(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			streams := options.SendInitialEvents != nil && *options.SendInitialEvents
			if streams && first(options) && s.hasSnapshot(kind) {
				// A stream of the initial events is never from an older snapshot, a list may be.
				return nil, apierrors.NewBadRequest("this API server can't stream initial events")
			}
			inner, err := next.WatchWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return s.look(kind, inner, streams), nil
		},
	}
}

// first is true for the first list of an informer, which takes any version.
func first(options metav1.ListOptions) bool {
	return options.ResourceVersion == "" || options.ResourceVersion == "0"
}

// hasSnapshot is true when a kind's first list is to be from an older snapshot.
func (s *sight) hasSnapshot(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot != "" && !s.served[kind]
}

func (s *sight) takeSnapshot(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot == "" || s.served[kind] {
		return false
	}
	s.served[kind] = true
	s.tell("the next process lists the %s of version %s", kind, s.snapshot)
	return true
}

// glance is a watch that the sight stands in.
type glance struct {
	sight  *sight
	kind   string
	late   bool // it began after the strike: with older, it is not of the process that died
	inner  watch.Interface
	result chan watch.Event
	ended  chan struct{}
	once   sync.Once
}

func (s *sight) look(kind string, inner watch.Interface, initialEvents bool) *glance {
	g := &glance{sight: s, kind: kind, inner: inner, result: make(chan watch.Event), ended: make(chan struct{})}
	s.mu.Lock()
	g.late = s.struck != ""
	s.mu.Unlock()
	go g.run(initialEvents)
	return g
}

func (g *glance) ResultChan() <-chan watch.Event { return g.result }

func (g *glance) Stop() {
	g.once.Do(func() {
		close(g.ended)
		g.inner.Stop()
	})
}

// run hands the events on, each as the sight judges. The first ones may be what a list would be, until
// a bookmark says that they end.
func (g *glance) run(initialEvents bool) {
	defer close(g.result)
	cleared := g.sight.shut
	for {
		select {
		case event, open := <-g.inner.ResultChan():
			if !open {
				return
			}
			if initialEvents || event.Type == watch.Bookmark || event.Type == watch.Error {
				initialEvents = initialEvents && !endsInitialEvents(event)
			} else if !g.abide(&event) {
				continue
			}
			if !g.hand(event) {
				return
			}
		case <-cleared:
			cleared = nil
			if g.sight.missesEvent(g.kind) {
				g.hand(expired())
				return
			}
		case <-g.ended:
			return
		}
	}
}

// abide carries out the judgement of an event. False means that there is nothing to hand on.
func (g *glance) abide(event *watch.Event) bool {
	switch g.sight.judge(g, *event) {
	case waits:
		select {
		case <-g.sight.shut:
			return true
		case <-g.ended:
			return false
		}
	case vanishes:
		return false
	case expires:
		*event = expired()
		return true
	default:
		return true
	}
}

// hand gives an event to the informer. False means that the watch is over.
func (g *glance) hand(event watch.Event) bool {
	select {
	case g.result <- event:
		return event.Type != watch.Error
	case <-g.ended:
		return false
	}
}

func expired() watch.Event {
	status := apierrors.NewResourceExpired("too old resource version").Status()
	return watch.Event{Type: watch.Error, Object: &status}
}

func endsInitialEvents(event watch.Event) bool {
	obj, err := meta.Accessor(event.Object)
	return err == nil && event.Type == watch.Bookmark && obj.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

// nameAndVersion are the name and the resourceVersion of an event's object.
func nameAndVersion(event watch.Event) (name, version string) {
	obj, err := meta.Accessor(event.Object)
	if err != nil {
		return "", ""
	}
	return obj.GetName(), obj.GetResourceVersion()
}

// before is the resourceVersion before a given one. All kinds count together.
func before(version string) string {
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil || number < 2 {
		return ""
	}
	return strconv.FormatUint(number-1, 10)
}
