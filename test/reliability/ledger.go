package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// effect is one outside effect of a manager: a write to the API server, or a call to DeepCall.
type effect struct {
	process int
	number  int           // among the process's effects since the ledger was armed; 0 for what is not numbered
	at      time.Duration // since the world began
	what    string
	strike  mode
	outcome string // what became of it

	call     bool
	endpoint string
	agent    string
	groups   map[string]string
	accepted bool // a 200 that reached the manager
}

func (e *effect) String() string {
	line := fmt.Sprintf("%6.3fs  process %d  #%d  %s  -> %s", e.at.Seconds(), e.process, e.number, e.what, e.outcome)
	if e.strike != "" {
		line += "  <" + string(e.strike) + ">"
	}
	return line
}

// underWay is the outcome of an effect that has not ended yet.
const underWay = "under way"

// ledger numbers the outside effects of a world's managers, makes those go wrong that a strike names,
// and is the fence that lets no effect of a dead manager through.
type ledger struct {
	bell  *bell
	began time.Time

	mu         sync.Mutex
	effects    []*effect
	armed      bool
	strikes    []strike // for the processes to come
	fired      []strike
	callStrike int // strikes on calls that did not crash
	violations []string
	ready      []readyWrite
	last       time.Time // of the last effect's begin or end
}

// arm begins to number effects, and holds the strikes ready.
func (l *ledger) arm(running *process, strikes []strike) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed, l.strikes = true, slices.Clone(strikes)
	l.prepare(running)
}

// disarm lets everything through from now on.
func (l *ledger) disarm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
}

// begin gives a new process its strike.
func (l *ledger) begin(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prepare(p)
}

func (l *ledger) prepare(p *process) {
	p.count, p.strike = 0, nil
	if l.armed && len(l.strikes) > 0 {
		p.strike, l.strikes = &l.strikes[0], l.strikes[1:]
	}
}

// admit writes an effect into the ledger before it leaves, and says what is to become of it. False
// means that the process is dead: nothing of the effect may leave, and it is not recorded.
func (l *ledger) admit(p *process, e *effect, numbered bool) (mode, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.fenced {
		return "", false
	}
	e.process, e.outcome = p.number, underWay
	if numbered && l.armed {
		p.count++
		e.number = p.count
		if p.strike != nil && p.strike.k == p.count {
			e.strike = p.strike.mode
			l.fired = append(l.fired, *p.strike)
			if e.call && !e.strike.crashes() {
				l.callStrike++
			}
		}
	}
	p.fenced = e.strike == crashBefore
	p.underway.Add(1)
	l.effects, l.last = append(l.effects, e), time.Now()
	e.at = l.last.Sub(l.began)
	return e.strike, true
}

// end writes down what became of an effect.
func (l *ledger) end(p *process, e *effect, outcome string) {
	l.mu.Lock()
	e.outcome, l.last = outcome, time.Now()
	l.mu.Unlock()
	p.underway.Done()
	l.bell.ring()
}

// fence cuts a process off: no further effect of it leaves.
func (l *ledger) fence(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.fenced = true
}

func (l *ledger) isFenced(p *process) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return p.fenced
}

func (l *ledger) violate(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}

// look returns copies of all effects.
func (l *ledger) look() []effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	effects := make([]effect, len(l.effects))
	for i, e := range l.effects {
		effects[i] = *e
	}
	return effects
}

// countOf is how many effects of a process were numbered.
func (l *ledger) countOf(process int) int {
	n := 0
	for _, e := range l.look() {
		if e.process == process && e.number > 0 {
			n++
		}
	}
	return n
}

func (l *ledger) firedStrikes() []strike {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.fired)
}

// String is the whole story, a line for each effect.
func (l *ledger) String() string {
	var lines []string
	for _, e := range l.look() {
		lines = append(lines, "  "+e.String())
	}
	return strings.Join(lines, "\n")
}

// inWords is "90=Y 91=N".
func inWords(groups map[string]string) string {
	var words []string
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		words = append(words, id+"="+groups[id])
	}
	return strings.Join(words, " ")
}

// bell wakes those who wait for something to change.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

func newBell() *bell { return &bell{rung: make(chan struct{})} }

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.rung)
	b.rung = make(chan struct{})
}
