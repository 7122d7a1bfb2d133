package reliability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"
)

// staleness is how a watch event is spoiled.
type staleness string

const (
	// freeze: from the event on, nothing reaches the cache until the person has done all steps, or waits
	// for the manager, and the blind manager has done all it can. Then all of it arrives, in order.
	freeze staleness = "freeze"
	// delay: the event, and what follows of its kind, arrives after the manager's next effect.
	delay staleness = "delay"
	// drop: the event never arrives, but a later one of the same object does.
	drop staleness = "drop"
	// older: the process dies at the event. The next one first sees an older snapshot, and catches up once
	// it has done all it can on that.
	older staleness = "older"
	// gone: the watch ends with 410 Gone in the place of the event, and a relist follows.
	gone staleness = "gone"
)

var stalenesses = []staleness{freeze, delay, drop, older, gone}

// staleView names a run: which scenario, and which event is spoiled, and how.
type staleView struct {
	scenario string
	kind     string // "mappings", "accounts" or "secrets"
	k        int    // the number of the event among those of its kind, from 1
	how      staleness
	since    int // with older: the snapshot is from just before this event of the kind
}

// String is what -replay takes.
func (v staleView) String() string {
	text := fmt.Sprintf("%s/%s=%d/%s", v.scenario, v.kind, v.k, v.how)
	if v.how == older {
		text += fmt.Sprintf("/since=%d", v.since)
	}
	return text
}

// parseStaleView reads what String wrote.
func parseStaleView(text string) (staleView, error) {
	wrong := fmt.Errorf("%q is not scenario/kind=number/mode, with a mode of %v, and /since=number after %s", text, stalenesses, older)
	parts := strings.Split(text, "/")
	if len(parts) < 3 || len(parts) > 4 || (len(parts) == 4) != (parts[2] == string(older)) {
		return staleView{}, wrong
	}
	kind, number, _ := strings.Cut(parts[1], "=")
	v := staleView{scenario: parts[0], kind: kind, how: staleness(parts[2])}
	var err error
	if v.k, err = strconv.Atoi(number); err != nil || !slices.Contains(stalenesses, v.how) {
		return v, wrong
	}
	if v.how == older {
		if v.since, err = strconv.Atoi(strings.TrimPrefix(parts[3], "since=")); err != nil || v.since < 1 || v.since > v.k {
			return v, wrong
		}
	}
	return v, nil
}

// sighting is a numbered watch event.
type sighting struct {
	kind    string
	what    watch.EventType
	object  string
	version string // its resourceVersion
}

// sight is what the managers of a world see of the API server. It numbers the watch events that reach
// them since it is armed, and spoils the one that a stale view names.
type sight struct {
	world *world

	mu         sync.Mutex
	spoil      *staleView // nil for a clear sight
	armed      bool
	personDone bool
	seen       []sighting
	struck     staleness // empty while nothing is spoiled
	story      []string
	lost       string          // the object whose event was dropped
	shut       chan struct{}   // closed when the view is clear again
	dead       *process        // with older: the process that died
	snapshot   string          // with older: the resourceVersion of the snapshot
	served     map[string]bool // the kinds whose older snapshot was seen
}

func newSight(spoil *staleView) *sight {
	return &sight{spoil: spoil, shut: make(chan struct{}), served: map[string]bool{}}
}

// arm begins to number events.
func (s *sight) arm(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world, s.armed = w, true
}

// done notes that the person has done all steps.
func (s *sight) done() {
	s.mu.Lock()
	s.personDone = true
	s.mu.Unlock()
	s.world.bell.ring()
}

// fate is what becomes of an event.
type fate int

const (
	arrives  fate = iota
	waits         // until the view is clear again
	vanishes      // and so does everything that follows, if the process is dead
	expires       // 410 Gone in its place
)

// judge numbers an event, and says what is to become of it.
func (s *sight) judge(g *glance, event watch.Event) fate {
	kind := g.kind
	object, version := nameAndVersion(event)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.armed:
		return arrives
	case s.struck == older && !g.late:
		return vanishes
	case s.struck != "":
		return s.afterStrike(kind, object)
	}
	s.seen = append(s.seen, sighting{kind, event.Type, object, version})
	if s.spoil != nil && s.spoil.kind == kind && s.spoil.k == s.count(kind) {
		return s.strike(object, version)
	}
	return arrives
}

func (s *sight) count(kind string) int {
	n := 0
	for _, e := range s.seen {
		if e.kind == kind {
			n++
		}
	}
	return n
}

// versionOf is the resourceVersion of the k-th event of a kind.
func (s *sight) versionOf(kind string, k int) string {
	for _, e := range s.seen {
		if e.kind == kind {
			if k--; k == 0 {
				return e.version
			}
		}
	}
	return ""
}

// strike spoils an event.
func (s *sight) strike(object, version string) fate {
	s.struck = s.spoil.how
	s.tell("%s at %s=%d (%s, version %s)", s.spoil.how, s.spoil.kind, s.spoil.k, object, version)
	switch s.spoil.how {
	case freeze, delay:
		go s.clearUp(len(s.world.ledger.look()))
		return waits
	case drop:
		s.lost = object
		go s.clearUp(0)
		return vanishes
	case gone:
		close(s.shut)
		return expires
	default:
		s.snapshot = before(s.versionOf(s.spoil.kind, s.spoil.since))
		s.dead = s.world.running()
		s.world.crashed(s.dead)
		go s.clearUp(0)
		return vanishes
	}
}

// afterStrike is what becomes of the events that follow.
func (s *sight) afterStrike(kind, object string) fate {
	switch {
	case s.isClear():
		return arrives
	case s.struck == drop && kind == s.spoil.kind && object == s.lost:
		s.tell("a later event of %s arrived", object)
		s.lost = ""
		close(s.shut)
		return arrives
	case s.struck == freeze, s.struck == older, s.struck == delay && kind == s.spoil.kind:
		return waits
	default:
		return arrives
	}
}

// missesEvent is true, once, when a kind was told nothing of an object since an event of it was dropped.
// Only a relist can make up for that.
func (s *sight) missesEvent(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	misses := s.lost != "" && s.spoil.kind == kind
	if misses {
		s.lost = ""
		s.tell("410 Gone, since no later event of the object arrived")
	}
	return misses
}

func (s *sight) isClear() bool {
	select {
	case <-s.shut:
		return true
	default:
		return false
	}
}

// blindFor is how long nothing happens until a blind manager has done all it can. It is shorter than
// the pause in which it tries again after a conflict, which may go on until the view is clear.
const blindFor = 150 * time.Millisecond

// clearUp waits until the view is to be clear again: once nothing has happened for a while or, for a
// delay, with the end of an effect that began after the strike, before which there were so many.
func (s *sight) clearUp(before int) {
	w := s.world
	limit := time.NewTimer(patience / 10) // a blind manager may be busy all the time
	defer limit.Stop()
	for {
		changed := w.bell.next()
		ended := s.struck == delay && hasEnded(w.ledger.look()[before:])
		if ended || s.isClear() || !happens(changed, s.silence(), limit.C) {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isClear() {
		s.tell("the view is clear again")
		close(s.shut)
	}
}

// happens is true when something changes in time, and before the limit.
func happens(changed <-chan struct{}, within time.Duration, limit <-chan time.Time) bool {
	silence := time.NewTimer(within)
	defer silence.Stop()
	select {
	case <-changed:
		return true
	case <-silence.C:
	case <-limit:
	}
	return false
}

// silence is how long nothing happens until everybody waits.
func (s *sight) silence() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := s.world.running()
	if !s.personDone || running == s.dead || !running.diaries.anything() {
		return quietAfter
	}
	return blindFor
}

func (d *diary) anything() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seen) > 0
}

func hasEnded(effects []effect) bool {
	return slices.ContainsFunc(effects, func(e effect) bool { return e.number > 0 && e.outcome != underWay })
}

// tell adds a line to the story, after all effects so far.
func (s *sight) tell(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf("  after %d effects: ", len(s.world.ledger.look()))+fmt.Sprintf(format, args...))
}
