package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// Random agents have histories of edits, deletions, suspensions, lost answers, crashes, and groups that vanish and return. The
// invariants hold after every step, and in the end DeepCall has the desired groups.
func TestRandomHistories_end_as_desired(t *testing.T) {
	runHistories(t, (*history).run)
}

func runHistories(t *testing.T, run func(*history) error) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for n := range uint64(1000) {
		h := newHistory(rand.New(rand.NewPCG(seed, n)))
		if err := run(h); err != nil {
			t.Fatalf("seed %d, history %d, where DeepCall replaces: %v\n%s\n%v", seed, n, h.replaces, lines(h.log), err)
		}
	}
}

type history struct {
	*agent
	*rand.Rand
	names int
	log   []string
	// rejecting reports whether the API server rejects writes at times.
	rejecting bool
	// vanished reports whether a group vanished or returned during an isolation that is not concluded.
	vanished bool
	// meanwhile, if set, simulates an event during a request, besides those of every history.
	meanwhile func()
	// confirmed are the values of the last accepted requests, since the last request whose result is not known.
	confirmed Groups
}

func newHistory(r *rand.Rand) *history {
	h := &history{agent: newAgent(r.IntN(2) == 0), Rand: r, confirmed: Groups{}}
	h.order = func(m []*mapping) { r.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] }) }
	if r.IntN(2) == 0 {
		h.failsWrite = func(int) bool { return r.IntN(8) == 0 }
	}
	h.rejecting = r.IntN(2) == 0
	return h
}

const (
	existing = 5 // groups that exist
	missing  = "9"
)

func (h *history) run() error {
	h.unknown[missing] = true
	for range 1 + h.IntN(12) {
		h.event(false)
		for range h.IntN(4) {
			if err := h.request(); err != nil {
				return err
			}
		}
	}
	return h.end(h.checkInvariants)
}

// end removes every cause of failures, and sends everything that is to be sent.
func (h *history) end(check func() error) error {
	h.repair()
	for requests := 0; h.step(answered, func() { h.logf("%s", h.lastRequest(answered)) }); requests++ {
		if err := check(); err != nil {
			return err
		}
		// The isolation of a removal takes one request for each removal and three more; a change that another one
		// overtook may need a second attempt.
		if limit := 2 * len(h.mappings) * (existing + 4); requests > limit {
			return fmt.Errorf("more than %d requests", limit)
		}
	}
	return h.checkEnd()
}

func (h *history) logf(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func (h *history) randomGroups() string {
	var fields []string
	for group := 1; group <= existing; group++ {
		if h.IntN(2) == 0 {
			fields = append(fields, fmt.Sprintf("%d=%s", group, []string{"Y", "N"}[h.IntN(2)]))
		}
	}
	if h.IntN(6) == 0 {
		fields = append(fields, missing+"=Y")
	}
	return strings.Join(fields, " ")
}

// event simulates an event outside of the operator.
func (h *history) event(inFlight bool) {
	live := h.live()
	if len(live) == 0 || (len(live) < 4 && h.IntN(4) == 0) {
		m := newMapping(fmt.Sprintf("m%d", h.names), 1+h.IntN(4), h.randomGroups())
		if h.IntN(5) == 0 {
			m.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan
		}
		h.names++
		h.mappings = append(h.mappings, m)
		h.logf("%s is created on day %d, %s: %s", m.Name, m.CreationTimestamp.Day(), m.Spec.RemovalPolicy, text(m.desired()))
		return
	}
	m := live[h.IntN(len(live))]
	if h.rejecting && h.IntN(4) == 0 {
		h.rejectionEvent(m)
		return
	}
	group := fmt.Sprint(1 + h.IntN(existing))
	switch event := h.IntN(20); {
	case event < 3:
		switch {
		case !h.canVanish(inFlight): // the isolation could attribute it to a removal
		case h.unknown[group]:
			delete(h.unknown, group)
			h.logf("group %s returns", group)
		default:
			h.vanish(group)
			h.logf("group %s vanishes", group)
		}
	case event < 4:
		h.restart()
		h.logf("the process restarts")
	case m.DeletionTimestamp != nil:
	case event < 6:
		m.delete(h.now)
		h.logf("%s is deleted", m.Name)
	case event < 9:
		m.suspend(!m.Spec.Suspend)
		h.logf("%s is suspended: %v", m.Name, m.Spec.Suspend)
	case event < 10:
		h.now = h.now.Add(time.Second)
		h.requestResync(h.now)
		h.logf("a resync of all mappings is requested")
	case event < 11:
		h.now = h.now.Add(time.Second)
		m.resync(h.now)
		h.logf("a resync of %s is requested", m.Name)
	default:
		m.edit(h.randomGroups())
		h.logf("%s is edited: %s", m.Name, text(m.desired()))
	}
}

// rejectionEvent changes which writes of a mapping the API server rejects, or ends a back-off.
func (h *history) rejectionEvent(m *mapping) {
	if h.IntN(2) == 0 {
		h.now = h.now.Add(MaxRetry)
		h.logf("%s pass", MaxRetry)
		return
	}
	part := []Part{Metadata, Status}[h.IntN(2)]
	h.rejects[part][m.Name] = !h.rejects[part][m.Name]
	h.logf("the API server rejects the %s of %s: %v", part, m.Name, h.rejects[part][m.Name])
}

// handsOver reports whether the next request takes over a group of another mapping. If its answer is lost, and the other
// mapping declares the group again, only the next resync corrects it.
func (h *history) handsOver() bool {
	h.reconcile()
	p := h.planner()
	next := nextOf(p.inputs, p.changes, p.Account.Misconfigured)
	for i, in := range p.inputs {
		for group := range in.held() {
			if next < 0 || i == next {
				continue
			}
			if _, takesOver := p.changes[next].desired[group]; takesOver {
				return true
			}
		}
	}
	return false
}

// canVanish reports whether a group can vanish or return now. One such event misleads no isolation unless it comes between
// the rejection of an only removal and the next request. A second event could hide the first one.
func (h *history) canVanish(inFlight bool) bool {
	isolating := h.isolatesRemoval(func(state MappingState) bool { return state.RemovalIsolation.Step != AllRemovals })
	between := (inFlight && !isolating) || h.isolatesRemoval(func(state MappingState) bool {
		return state.RemovalIsolation.Step == WithoutRemovals && len(state.RemovalIsolation.Rejected) > 0
	})
	if between || (h.vanished && isolating) {
		return false
	}
	h.vanished = isolating
	return true
}

// isolatesRemoval reports whether any mapping has such a state for its present generation.
func (h *history) isolatesRemoval(has func(MappingState) bool) bool {
	return slices.ContainsFunc(h.live(), func(m *mapping) bool {
		state := h.state.Mappings[m.UID]
		return state.RemovalGeneration == m.Generation && has(state)
	})
}

func (h *history) request() error {
	what := answered
	if h.IntN(4) == 0 && !h.handsOver() {
		what = fate(1 + h.IntN(3))
	}
	for group := range h.drifted {
		delete(h.confirmed, group) // changed outside of the operator, or forgotten by a restart
	}
	sent := h.step(what, func() {
		h.logf("%s", h.lastRequest(what))
		if h.IntN(5) == 0 {
			h.event(true)
		}
		if h.meanwhile != nil && h.IntN(5) == 0 {
			h.meanwhile()
		}
	})
	if !sent {
		return nil
	}
	if err := h.checkCarried(h.last); err != nil {
		return err
	}
	h.confirm(h.last, what)
	return h.checkInvariants()
}

func (h *history) lastRequest(what fate) string {
	if what == requestLost {
		return "-> a request for " + h.lastFor + " is lost"
	}
	result := map[bool]string{true: "accepted", false: "rejected"}[h.lastAccepted]
	return fmt.Sprintf("-> for %s %s: %s%s", h.lastFor, h.requests[len(h.requests)-1], result, [...]string{"", "", ", its answer lost", ", then a crash"}[what])
}

// repair removes every cause of failures.
func (h *history) repair() {
	h.unknown, h.failsWrite = map[string]bool{}, nil
	h.rejects, h.now = nil, h.now.Add(MaxRetry)
	for _, m := range h.live() {
		desired := m.desired()
		delete(desired, missing)
		m.change(func(object *v1alpha1.AgentGroupMapping) {
			object.Spec.Groups, object.Spec.Suspend = fromGroups(desired), false
		})
		if m.DeletionTimestamp == nil {
			h.now = h.now.Add(time.Second)
			m.resync(h.now)
		}
	}
	h.logf("everything is repaired")
}
