package controller

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// outcome is how a call ended, until it is reported in the status of the mapping it was made for.
type outcome struct {
	uid         types.UID
	generation  int64
	requestedAt string
	removing    bool
	endpoint    string
	attempt     int64
	change      plan.Change
	call        plan.Call
	// inquiry is set when the request was not the change, but a step to find out who is to blame.
	inquiry *inquiry
	answer  deepcall.Answer
	// failure is nil when DeepCall accepted the request.
	failure *deepcall.Error
	at      time.Time
}

// backoff is how a mapping's change backs off. It is void once the spec, a person's request or
// the account's epoch differs.
type backoff struct {
	generation  int64
	requestedAt string
	epoch       int
	failures    int
	until       time.Time
}

// inquiry is a plan.Inquiry into the refusal of a call.
type inquiry struct {
	plan.Inquiry
	// refusal is how that call ended.
	refusal outcome
	// unchanged are the groups that were applied then. With others, the answers prove nothing.
	unchanged plan.Groups
}

// outdated is true when what is applied is no longer what was applied at the refusal.
func (q *inquiry) outdated(claims []plan.Claims, changes []plan.Change) bool {
	return !maps.Equal(q.unchanged, unchanged(claims, changes))
}

func unchanged(claims []plan.Claims, changes []plan.Change) plan.Groups {
	return plan.Inquiry{Step: plan.Unchanged}.Request(claims, changes)
}

// recollection is what is known of one mapping beyond its status; a restart may forget it.
type recollection struct {
	retry backoff
	// trial belongs to trialOf, the generation whose removal is taken apart.
	trial   plan.Trial
	trialOf int64
	// inquiry looks for the one to blame for the refusal of a change.
	inquiry *inquiry
	// sure is the attempt that this process recorded, as long as every call since was answered.
	sure int64
	// refusedAt is the endpoint that refused the mapping.
	refusedAt string
}

func (k *recollection) empty() bool {
	return k.retry.failures == 0 && k.trialOf == 0 && k.inquiry == nil && k.sure == 0 && k.refusedAt == ""
}

// memory holds what the agents' reconciler knows between its runs. A run of an agent never
// overlaps another of the same agent, nor its call.
type memory struct {
	mu       sync.Mutex
	inFlight map[AgentKey]bool
	outcomes map[AgentKey]outcome
	mappings map[AgentKey]map[types.UID]*recollection
	calls    sync.WaitGroup
}

func newMemory() *memory {
	return &memory{
		inFlight: map[AgentKey]bool{},
		outcomes: map[AgentKey]outcome{},
		mappings: map[AgentKey]map[types.UID]*recollection{},
	}
}

func (m *memory) calling(key AgentKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inFlight[key]
}

func (m *memory) begin(key AgentKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight[key] = true
	m.calls.Add(1)
}

func (m *memory) end(key AgentKey, result outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.inFlight, key)
	m.outcomes[key] = result
	m.calls.Done()
}

func (m *memory) outcome(key AgentKey) (outcome, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	result, ok := m.outcomes[key]
	return result, ok
}

func (m *memory) reported(key AgentKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.outcomes, key)
}

// unreported are the agents with an outcome that no status tells yet.
func (m *memory) unreported() []AgentKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]AgentKey, 0, len(m.outcomes))
	for key := range m.outcomes {
		keys = append(keys, key)
	}
	return keys
}

// of returns what is known of a mapping; only the agent's own run may touch it.
func (m *memory) of(key AgentKey, uid types.UID) *recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mappings[key] == nil {
		m.mappings[key] = map[types.UID]*recollection{}
	}
	if m.mappings[key][uid] == nil {
		m.mappings[key][uid] = &recollection{}
	}
	return m.mappings[key][uid]
}

// keep forgets what is known of mappings that are no longer there, or need no memory.
func (m *memory) keep(key AgentKey, needed map[types.UID]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid := range m.mappings[key] {
		if !needed[uid] {
			delete(m.mappings[key], uid)
		}
	}
	if len(m.mappings[key]) == 0 {
		delete(m.mappings, key)
	}
}
