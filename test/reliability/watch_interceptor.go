package reliability

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
)

// watchEvent is a numbered watch event.
type watchEvent struct {
	kind      string
	eventType watch.EventType
	object    string
	version   string // its resourceVersion
}

// watchInterceptor numbers the watch events that the managers of an environment receive, once it is armed, and disturbs
// the one that a stale case names.
type watchInterceptor struct {
	disturb staleCase
	env     *environment

	mu             sync.Mutex
	armed          bool
	stepsDone      bool
	events         []watchEvent
	disturbed      staleMode // empty until the event is disturbed
	log            []string
	droppedObject  string          // the object whose event was dropped
	caughtUp       chan struct{}   // closed when the disturbance ends
	crashed        *process        // for older
	snapshot       string          // for older: the resourceVersion of the snapshot
	snapshotServed map[string]bool // the kinds whose snapshot was listed
}

func newWatchInterceptor(c staleCase) *watchInterceptor {
	return &watchInterceptor{disturb: c, caughtUp: make(chan struct{}), snapshotServed: map[string]bool{}}
}

// arm starts to number events.
func (w *watchInterceptor) arm(env *environment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.env, w.armed = env, true
}

// finishSteps records that all steps of the scenario are done.
func (w *watchInterceptor) finishSteps() {
	w.mu.Lock()
	w.stepsDone = true
	w.mu.Unlock()
	w.env.changes.notify()
}

// action is applied to an event.
type action int

const (
	deliver action = iota
	hold           // until the disturbance ends
	discard        // for a crashed process, also all later events
	expire         // send 410 Gone instead
)

// intercept numbers an event and returns the action for it.
func (w *watchInterceptor) intercept(iw *interceptedWatch, event watch.Event) action {
	object, version := objectNameAndVersion(event)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.armed:
		return deliver
	case w.disturbed == older && !iw.late:
		return discard
	case w.disturbed != "":
		return w.interceptLater(iw.kind, object)
	}
	w.events = append(w.events, watchEvent{iw.kind, event.Type, object, version})
	if w.disturb.mode != "" && w.disturb.kind == iw.kind && w.disturb.k == len(w.versions(iw.kind)) {
		return w.start(object, version)
	}
	return deliver
}

// versions returns the resourceVersions of the events of a kind.
func (w *watchInterceptor) versions(kind string) []string {
	var versions []string
	for _, e := range w.events {
		if e.kind == kind {
			versions = append(versions, e.version)
		}
	}
	return versions
}

// start disturbs an event.
func (w *watchInterceptor) start(object, version string) action {
	w.disturbed = w.disturb.mode
	w.logf("%s at %s=%d (%s, version %s)", w.disturbed, w.disturb.kind, w.disturb.k, object, version)
	switch w.disturbed {
	case freeze, delay:
		go w.end(len(w.env.ledger.list()))
		return hold
	case drop:
		w.droppedObject = object
		go w.end(0)
		return discard
	case gone:
		close(w.caughtUp)
		return expire
	default:
		w.snapshot = precedingVersion(w.versions(w.disturb.kind)[w.disturb.since-1])
		w.crashed = w.env.current()
		w.env.replaceCrashed(w.crashed)
		go w.end(0)
		return discard
	}
}

// interceptLater returns the action for an event after the disturbed one.
func (w *watchInterceptor) interceptLater(kind, object string) action {
	switch {
	case w.isCaughtUp():
		return deliver
	case w.disturbed == drop && kind == w.disturb.kind && object == w.droppedObject:
		w.logf("a later event of %s arrived", object)
		w.droppedObject = ""
		close(w.caughtUp)
		return deliver
	case w.disturbed == freeze, w.disturbed == older, w.disturbed == delay && kind == w.disturb.kind:
		return hold
	default:
		return deliver
	}
}

// takeDroppedEvent reports, once, whether no later event of the object whose event was dropped has arrived. The watch
// must then be restarted with a relist.
func (w *watchInterceptor) takeDroppedEvent(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	dropped := w.droppedObject != "" && w.disturb.kind == kind
	if dropped {
		w.droppedObject = ""
		w.logf("410 Gone, since no later event of the object arrived")
	}
	return dropped
}

func (w *watchInterceptor) isCaughtUp() bool {
	select {
	case <-w.caughtUp:
		return true
	default:
		return false
	}
}

// staleQuietPeriod is how long a manager with a stale cache must be idle. It is shorter than the delay after a conflict,
// which can repeat until the disturbance ends.
const staleQuietPeriod = 150 * time.Millisecond

// end ends the disturbance once the manager is idle or, for delay, once an effect after the first ones has ended.
func (w *watchInterceptor) end(first int) {
	limit := time.NewTimer(patience / 10) // a manager with a stale cache may never be idle
	defer limit.Stop()
	for {
		changed := w.env.changes.next()
		ended := w.disturb.mode == delay && anyEnded(w.env.ledger.list()[first:])
		if ended || w.isCaughtUp() || !changesWithin(changed, w.quietTime(), limit.C) {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.isCaughtUp() {
		w.logf("the disturbance ends")
		close(w.caughtUp)
	}
}

// changesWithin reports whether something changes within the period and before the limit.
func changesWithin(changed <-chan struct{}, period time.Duration, limit <-chan time.Time) bool {
	quiet := time.NewTimer(period)
	defer quiet.Stop()
	select {
	case <-changed:
		return true
	case <-quiet.C:
	case <-limit:
	}
	return false
}

// quietTime returns how long nothing must happen until the manager counts as idle.
func (w *watchInterceptor) quietTime() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	current := w.env.current()
	if !w.stepsDone || current == w.crashed || !current.reconciles.any() {
		return quietPeriod
	}
	return staleQuietPeriod
}

func anyEnded(effects []effect) bool {
	return slices.ContainsFunc(effects, func(e effect) bool { return e.number > 0 && e.result != inProgress })
}

func (w *watchInterceptor) logf(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("  after %d effects: ", len(w.env.ledger.list()))+fmt.Sprintf(format, args...))
}

// result returns the events, and whether one was disturbed.
func (w *watchInterceptor) result() (events []watchEvent, disturbed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.events, w.disturbed != ""
}

// String lists the numbered events and the log of the disturbance.
func (w *watchInterceptor) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	numbers := map[string]int{}
	var lines []string
	for _, e := range w.events {
		numbers[e.kind]++
		lines = append(lines, fmt.Sprintf("  %s=%d  %s %s, version %s", e.kind, numbers[e.kind], e.eventType, e.object, e.version))
	}
	return strings.Join(append(lines, w.log...), "\n")
}
