package reliability

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// effect is one outside effect of a manager: a write to the API server or a request to DeepCall.
type effect struct {
	process     int
	number      int           // among the process's effects since the ledger was armed; 0 if it is not numbered
	at          time.Duration // since the environment started
	description string
	fault       faultMode
	result      string

	request  bool // to DeepCall
	endpoint string
	agent    string
	groups   map[string]string
	accepted bool // the manager received a 200
}

func (e *effect) String() string {
	line := fmt.Sprintf("%6.3fs  process %d  #%d  %s  -> %s", e.at.Seconds(), e.process, e.number, e.description, e.result)
	if e.fault != "" {
		line += "  <" + string(e.fault) + ">"
	}
	return line
}

// succeeded reports whether the API server accepted a write.
func succeeded(e effect) bool { return strings.HasPrefix(e.result, "200") }

// inProgress is the result of an effect that has not ended yet.
const inProgress = "in progress"

// ledger numbers the outside effects of an environment's managers, injects faults into them, and fences
// crashed managers: none of their effects is sent.
type ledger struct {
	changes *notifier
	started time.Time

	mu            sync.Mutex
	effects       []*effect
	armed         bool
	faults        []fault // for the next processes
	injected      int
	requestFaults int // faults of requests that did not crash the process
	violations    []string
	ready         []readyWrite
	erased        map[types.UID]bool // mappings whose finalizer a user erased
	lastActive    time.Time          // when the last effect started or ended
}

// arm starts to number effects and assigns the faults to the running process and those after it.
func (l *ledger) arm(running *process, faults []fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed, l.faults = true, slices.Clone(faults)
	l.assignFault(running)
}

// markErased records that a user erases the finalizer of a mapping.
func (l *ledger) markErased(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.erased == nil {
		l.erased = map[types.UID]bool{}
	}
	l.erased[uid] = true
}

func (l *ledger) wasErased(uid types.UID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.erased[uid]
}

// disarm stops numbering effects and injecting faults.
func (l *ledger) disarm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
}

// addProcess assigns a fault to a new process.
func (l *ledger) addProcess(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.assignFault(p)
}

func (l *ledger) assignFault(p *process) {
	p.numbered, p.fault = 0, nil
	if l.armed && len(l.faults) > 0 {
		p.fault, l.faults = &l.faults[0], l.faults[1:]
	}
}

// begin records an effect before it is sent and returns the fault to inject. It returns false if the process has
// crashed: the effect must not be sent and is not recorded.
func (l *ledger) begin(p *process, e *effect, numbered bool) (faultMode, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.fenced {
		return "", false
	}
	e.process, e.result = p.number, inProgress
	if numbered && l.armed {
		p.numbered++
		e.number = p.numbered
		if p.fault != nil && p.fault.k == p.numbered {
			e.fault = p.fault.mode
			l.injected++
			if e.request && !e.fault.crashes() {
				l.requestFaults++
			}
		}
	}
	p.fenced = e.fault == crashBefore
	p.pending.Add(1)
	l.effects, l.lastActive = append(l.effects, e), time.Now()
	e.at = l.lastActive.Sub(l.started)
	return e.fault, true
}

// end records the result of an effect.
func (l *ledger) end(p *process, e *effect, result string) {
	l.mu.Lock()
	e.result, l.lastActive = result, time.Now()
	l.mu.Unlock()
	p.pending.Done()
	l.changes.notify()
}

// markAccepted records that DeepCall's success is about to reach the manager.
func (l *ledger) markAccepted(e *effect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.accepted = true
}

// fence blocks all further effects of a process.
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

func (l *ledger) addViolation(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}

// list returns copies of all effects.
func (l *ledger) list() []effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	effects := make([]effect, len(l.effects))
	for i, e := range l.effects {
		effects[i] = *e
	}
	return effects
}

// numberedEffects returns how many effects of a process were numbered.
func (l *ledger) numberedEffects(process int) int {
	n := 0
	for _, e := range l.list() {
		if e.process == process && e.number > 0 {
			n++
		}
	}
	return n
}

// injectedFaults returns how many faults were injected.
func (l *ledger) injectedFaults() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.injected
}

// String lists the effects, one per line.
func (l *ledger) String() string {
	var lines []string
	for _, e := range l.list() {
		lines = append(lines, "  "+e.String())
	}
	return strings.Join(lines, "\n")
}

// listViolations returns the violations that were recorded while the managers ran.
func (l *ledger) listViolations() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.violations)
}
