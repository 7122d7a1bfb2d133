package plan

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// agent is an agent in DeepCall, with its mappings and the planner's state.
type agent struct {
	deepCall
	mappings []*mapping
	state    State
	now      time.Time
	// account is the agent's account in each snapshot.
	account Account
	// last is the last request, and lastFor the name of its mapping.
	last    Next
	lastFor string
	// order shuffles the mappings as the cache does; nil leaves them in order.
	order func([]*mapping)
	// left are the groups that were left in DeepCall on purpose.
	left map[string]bool
	// writes counts the writes, and failsWrite, if set, reports whether this one fails.
	writes     int
	failsWrite func(n int) bool
	// rejects are the mappings whose writes the API server rejects.
	rejects map[Part]map[string]bool
}

func newAgent(replaces bool, mappings ...*mapping) *agent {
	return &agent{
		deepCall: deepCall{replaces: replaces, unknown: map[string]bool{}, drifted: map[string]bool{}},
		mappings: mappings, now: day(20), left: map[string]bool{},
		rejects: map[Part]map[string]bool{Metadata: {}, Status: {}},
		account: Account{Exists: true, Endpoint: endpoint, Reachable: true, CanRemove: true},
	}
}

// add creates a mapping.
func (a *agent) add(name string, age int, desired string) *mapping {
	m := newMapping(name, age, desired)
	a.mappings = append(a.mappings, m)
	return m
}

func (a *agent) live() []*mapping {
	live := slices.DeleteFunc(slices.Clone(a.mappings), func(m *mapping) bool { return m.gone || m.Released() })
	if a.order != nil {
		a.order(live)
	}
	return live
}

func (a *agent) snapshot() Snapshot {
	s := Snapshot{Now: a.now, Account: a.account}
	for _, m := range a.live() {
		s.Key = m.AgentKey()
		s.Mappings = append(s.Mappings, NewMapping(m.AgentGroupMapping, !m.forbidden, a.now))
	}
	return s
}

func (a *agent) planner() planner { return newPlanner(a.snapshot(), a.state) }

// hasRequest reports whether there is a request to send now.
func (a *agent) hasRequest() bool {
	_, ok := Plan(a.snapshot(), a.state).Next()
	return ok
}

func (a *agent) mapping(uid types.UID) *mapping {
	return a.mappings[slices.IndexFunc(a.mappings, func(m *mapping) bool { return m.UID == uid && !m.gone })]
}

// write makes the writes in order, and reports false at the first that fails.
func (a *agent) write(s Snapshot, writes []Write) (results []WriteResult, ok bool) {
	for _, w := range writes {
		a.writes++
		if a.failsWrite != nil && a.failsWrite(a.writes) {
			return results, false
		}
		m := a.mapping(s.Mappings[w.Mapping].UID)
		result := WriteResult{Mapping: w.Mapping, Metadata: w.AddFinalizer || w.RemoveFinalizer, Status: w.Status}
		result.Rejected = a.rejectedPart(m.Name, result)
		results = append(results, result)
		if result.Rejected == Metadata {
			continue
		}
		m.AgentGroupMapping = m.DeepCopy()
		switch {
		case w.AddFinalizer:
			m.Finalizers = []string{v1alpha1.StopCallsFinalizer}
		case w.RemoveFinalizer:
			m.Finalizers = nil
			m.gone = m.DeletionTimestamp != nil
		}
		if w.Status != nil && result.Rejected != Status {
			m.Status = *w.Status.DeepCopy()
		}
	}
	return results, true
}

// rejectedPart returns the part of a write that the API server rejects.
func (a *agent) rejectedPart(name string, result WriteResult) Part {
	switch {
	case result.Metadata && a.rejects[Metadata][name]:
		return Metadata
	case result.Status != nil && a.rejects[Status][name]:
		return Status
	default:
		return NoPart
	}
}

// commit commits a state after writes.
func (a *agent) commit(s Snapshot, state State, results ...WriteResult) {
	a.state = state.WithWrites(s, results, 0)
}

// reconcile applies the result of the last request, and then makes the writes that need no request.
func (a *agent) reconcile() {
	for _, m := range a.mappings {
		if m.Released() && !m.gone { // the API server deleted it at once, without a finalizer
			m.gone = true
			for group := range (input{applied: m.applied(), pendingAdds: pendingAdds(m.AgentGroupMapping, MappingState{})}).held() {
				a.left[group] = true
			}
		}
	}
	for a.state.Result != nil {
		s := a.snapshot()
		next := Apply(s, a.state)
		if results, ok := a.write(s, next.Writes); ok {
			a.commit(s, next.State, results...)
		}
	}
	for {
		s := a.snapshot()
		a.noteLeftGroups(s)
		a.state = a.state.Prune(s)
		writes := Plan(s, a.state).Writes
		if len(writes) == 0 {
			return
		}
		if a.writes > maxWrites {
			panic(fmt.Sprintf("the decisions do not converge: %+v", writes))
		}
		results, _ := a.write(s, writes)
		a.commit(s, a.state, results...)
	}
}

const maxWrites = 100_000

// noteLeftGroups notes the groups that are left in DeepCall on purpose.
func (a *agent) noteLeftGroups(s Snapshot) {
	p := newPlanner(s, a.state)
	for i, in := range p.inputs {
		released := in.deleting && p.leavesGroups(i)
		if !in.orphan && !released {
			continue
		}
		for group := range in.held() {
			if _, stays := p.changes[i].applied()[group]; !stays || released {
				a.left[group] = true
			}
		}
	}
}

// fate is what happens to a request.
type fate int

const (
	answered    fate = iota
	requestLost      // DeepCall did not get the request, and the planner does not know
	answerLost       // DeepCall handled the request, and the planner does not know
	crashed          // the process ended before it wrote the result
	denied           // DeepCall denied the account
)

func nothing() {}

// step sends the next request, if there is one. meanwhile runs while it is in flight.
func (a *agent) step(what fate, meanwhile func()) bool {
	a.reconcile()
	next, ok := Plan(a.snapshot(), a.state).Next()
	for ok && !a.record(a.mapping(next.UID), next) {
		a.reconcile()
		next, ok = Plan(a.snapshot(), a.state).Next()
	}
	if !ok {
		return false
	}
	m := a.mapping(next.UID)
	a.last, a.lastFor = next, m.Name
	result := Result{
		Next: next, Endpoint: a.account.Endpoint, UserHash: a.account.UserHash, Recoveries: a.account.Recoveries, Attempt: AttemptOf(m.AgentGroupMapping).Number,
	}
	a.noteOmitted(next)
	accepted := what != requestLost && what != denied && a.update(next.Groups)
	meanwhile()
	a.now = a.now.Add(time.Second)
	result.At = a.now
	switch {
	case what == crashed:
		a.restart()
		a.reconcile()
		return true
	case what == denied:
		result.Failure = failure(invalidToken)
	case what != answered:
		result.Failure = &deepcall.Error{Entry: deepcall.Entry{Reason: "Timeout", Message: "DeepCall did not answer in time", Class: deepcall.Transient}, Uncertain: true}
		a.now = a.now.Add(10 * time.Minute) // past any back-off
	case accepted:
		result.Answer = deepcall.Answer{Code: 200}
	default:
		result.Failure = failure(invalidGroup)
	}
	a.state = a.state.WithResult(result)
	a.reconcile()
	return true
}

// record records the attempt and adds the finalizer before a request, as the controller does. It reports false if the API server
// rejects that.
func (a *agent) record(m *mapping, next Next) bool {
	if len(next.Adds) == 0 && !next.AddFinalizer {
		return true
	}
	result := WriteResult{Mapping: next.Mapping, Metadata: true}
	result.Rejected = a.rejectedPart(m.Name, result)
	a.commit(a.snapshot(), a.state, result)
	if result.Rejected != NoPart {
		return false
	}
	m.AgentGroupMapping = m.DeepCopy()
	if next.AddFinalizer {
		m.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	}
	if len(next.Adds) > 0 {
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, next.Record)
		a.state = a.state.WithAttempt(next, AttemptOf(m.AgentGroupMapping).Number)
	}
	return true
}

// noteOmitted notes the groups that a step of an isolation removes from a DeepCall that replaces.
func (a *agent) noteOmitted(next Next) {
	if next.mappingIsolation == nil || !a.replaces {
		return
	}
	for group := range a.groups {
		if _, sent := next.Groups[group]; !sent {
			a.drifted[group] = true
		}
	}
}

// restart loses what is only in memory. What DeepCall confirmed is not known any more if the API server rejected the status.
func (a *agent) restart() {
	for _, m := range a.live() {
		if a.state.Mappings[m.UID].Writes.Unwritten == nil {
			continue
		}
		for group := range m.applied() {
			a.drifted[group] = true
		}
	}
	a.state = State{}
}
