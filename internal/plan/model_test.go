package plan

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// deepCall is a model of DeepCall's side of one agent, under one of the two readings of its page.
type deepCall struct {
	// replaces reports that a request replaces all groups. Otherwise groups that it omits stay as they are.
	replaces bool
	// unknown groups don't exist: a request with one of them is rejected as a whole (1505).
	unknown map[string]bool
	groups  Groups
	// drifted groups were changed by others since they were last sent.
	drifted map[string]bool
	// requests are the requests so far, in order.
	requests     []string
	lastAccepted bool
}

func (d *deepCall) update(request Groups) (accepted bool) {
	d.requests = append(d.requests, text(request))
	defer func() { d.lastAccepted = accepted }()
	if len(request) == 0 {
		return false
	}
	for group := range request {
		if d.unknown[group] {
			return false
		}
	}
	if d.replaces || d.groups == nil {
		d.groups = Groups{}
	}
	maps.Copy(d.groups, request)
	for group := range request {
		delete(d.drifted, group)
	}
	return true
}

// vanish deletes groups in DeepCall.
func (d *deepCall) vanish(groups ...string) {
	for _, group := range groups {
		d.unknown[group], d.drifted[group] = true, true
		delete(d.groups, group)
	}
}

// mapping is an object, and whether it still exists.
type mapping struct {
	*v1alpha1.AgentGroupMapping
	gone bool
}

func newMapping(name string, age int, desired string) *mapping {
	object := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "support", UID: types.UID(name), Generation: 1, CreationTimestamp: metav1.NewTime(day(age)),
	}}
	object.Spec.AgentID = "7"
	object.Spec.AccountRef.Name = "acme"
	object.Spec.RemovalPolicy = v1alpha1.RemovalPolicyStopCalls
	object.Spec.Groups = fromGroups(groups(desired))
	object.Status.ObservedGeneration = -1
	return &mapping{AgentGroupMapping: object}
}

// change changes the object as a user does: in a copy, as a new generation.
func (m *mapping) change(change func(*v1alpha1.AgentGroupMapping)) {
	m.AgentGroupMapping = m.DeepCopy()
	change(m.AgentGroupMapping)
	m.Generation++
}

func (m *mapping) edit(desired string) {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.Spec.Groups = fromGroups(groups(desired)) })
}

func (m *mapping) suspend(suspended bool) {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.Spec.Suspend = suspended })
}

func (m *mapping) orphan() {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.Spec.RemovalPolicy = v1alpha1.RemovalPolicyOrphan })
}

func (m *mapping) delete(now time.Time) {
	m.change(func(object *v1alpha1.AgentGroupMapping) { object.DeletionTimestamp = &metav1.Time{Time: now} })
}

// wait has nothing sent for the mapping, as while it backs off: the generation stays.
func (m *mapping) wait(wait bool) {
	m.suspend(wait)
	m.Generation--
}

// resync requests a resync.
func (m *mapping) resync(at time.Time) {
	m.change(func(object *v1alpha1.AgentGroupMapping) {
		object.Generation--
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, at.Format(time.RFC3339Nano))
	})
}

// markRejected has the status state that DeepCall rejected this generation.
func (m *mapping) markRejected() {
	m.AgentGroupMapping = m.DeepCopy()
	reason.SetConditions(&m.Status.Conditions, reason.FromError(failure(invalidGroup)), m.Generation, day(1))
}

func (m *mapping) clearRejection() {
	m.AgentGroupMapping = m.DeepCopy()
	m.Status.Conditions = nil
}

// addPending records groups that a request without an answer may have added.
func (m *mapping) addPending(adds ...string) {
	m.AgentGroupMapping = m.DeepCopy()
	metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, Record(m.AgentGroupMapping, adds))
}

func (m *mapping) isRejected() bool { return reason.Rejected(m.Status.Conditions, m.Generation) }
func (m *mapping) applied() Groups  { return toGroups(m.Status.AppliedGroups) }
func (m *mapping) desired() Groups  { return toGroups(m.Spec.Groups) }

const (
	invalidGroup = 1505
	invalidToken = 1014
	endpoint     = "https://v4-api.deepcall.com"
)

func failure(code int) *deepcall.Error {
	entry, _ := deepcall.Lookup(code)
	return &deepcall.Error{Entry: entry, Answer: &deepcall.Answer{Code: code, Message: entry.Message}}
}

// agent is an agent with its mappings and the controller's state, and DeepCall behind it.
type agent struct {
	deepCall
	mappings []*mapping
	state    State
	now      time.Time
	// account is the agent's account in each snapshot.
	account Account
	// lastFor is the mapping of the last request.
	lastFor string
	// order shuffles the mappings as the cache does; nil leaves them in order.
	order func([]*mapping)
	// left are the groups that were left in DeepCall on purpose.
	left map[string]bool
	// writes counts the writes, and failsWrite, if set, reports whether this one fails.
	writes     int
	failsWrite func(n int) bool
}

func newAgent(replaces bool, mappings ...*mapping) *agent {
	return &agent{
		deepCall: deepCall{replaces: replaces, unknown: map[string]bool{}, drifted: map[string]bool{}},
		mappings: mappings, now: day(20), left: map[string]bool{},
		account: Account{Exists: true, Endpoint: endpoint, Reachable: true, CanRemove: true},
	}
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
		s.Mappings = append(s.Mappings, Mapping{AgentGroupMapping: m.AgentGroupMapping, Permitted: true})
	}
	return s
}

func (a *agent) planner() planner { return newPlanner(a.snapshot(), a.state) }

func (a *agent) mapping(uid types.UID) *mapping {
	return a.mappings[slices.IndexFunc(a.mappings, func(m *mapping) bool { return m.UID == uid && !m.gone })]
}

// write makes the writes in order, and reports false at the first that fails.
func (a *agent) write(s Snapshot, writes []Write) bool {
	for _, w := range writes {
		a.writes++
		if a.failsWrite != nil && a.failsWrite(a.writes) {
			return false
		}
		m := a.mapping(s.Mappings[w.Mapping].UID)
		m.AgentGroupMapping = m.DeepCopy()
		switch {
		case w.AddFinalizer:
			m.Finalizers = []string{v1alpha1.StopCallsFinalizer}
		case w.RemoveFinalizer:
			m.Finalizers = nil
			m.gone = m.DeletionTimestamp != nil
		}
		if w.Status != nil {
			m.Status = *w.Status.DeepCopy()
		}
	}
	return true
}

// settle applies the result of the last request, and then writes the decisions that need no request.
func (a *agent) settle() {
	for _, m := range a.mappings {
		if m.Released() && !m.gone { // without a finalizer it was deleted at once
			m.gone = true
			for group := range (input{applied: m.applied(), pendingAdds: pendingAdds(m.AgentGroupMapping)}).held() {
				a.left[group] = true
			}
		}
	}
	for a.state.Result != nil {
		s := a.snapshot()
		next := Apply(s, a.state)
		if a.write(s, next.Writes) {
			a.state = next.State
		}
	}
	for {
		s := a.snapshot()
		a.noteLeftGroups(s)
		a.state = a.state.Prune(s)
		if writes := Plan(s, a.state).Writes; len(writes) == 0 {
			return
		} else if a.writes > maxWrites {
			panic(fmt.Sprintf("the decisions do not come to rest: %+v", writes))
		} else {
			a.write(s, writes)
		}
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
	answered     fate = iota
	lostOnWay         // the request never arrived, which is not known
	lostOnReturn      // the request was applied, which is not known
	crashed           // the same, and the process ended before it wrote anything
	denied            // DeepCall denied the account
)

// step sends the next request, if there is one. meanwhile runs while it is in flight.
func (a *agent) step(what fate, meanwhile func()) bool {
	a.settle()
	next, ok := Plan(a.snapshot(), a.state).Next()
	if !ok {
		return false
	}
	m := a.mapping(next.UID)
	a.lastFor = m.Name
	a.record(m, next)
	result := Result{Next: next, Endpoint: a.account.Endpoint, Attempt: AttemptOf(m.AgentGroupMapping).Number}
	a.noteOmitted(next)
	accepted := what != lostOnWay && what != denied && a.update(next.Groups)
	meanwhile()
	a.now = a.now.Add(time.Second)
	result.At = a.now
	switch {
	case what == crashed:
		a.state = State{}
		a.settle()
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
	a.settle()
	return true
}

// record records the attempt and adds the finalizer before a request, as the controller does.
func (a *agent) record(m *mapping, next Next) {
	m.AgentGroupMapping = m.DeepCopy()
	if next.AddFinalizer {
		m.Finalizers = []string{v1alpha1.StopCallsFinalizer}
	}
	if len(next.Adds) > 0 {
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, Record(m.AgentGroupMapping, next.Adds))
		a.state = a.state.WithAttempt(next, AttemptOf(m.AgentGroupMapping).Number)
	}
}

// noteOmitted notes the groups that a step of an isolation removes from a DeepCall that replaces.
func (a *agent) noteOmitted(next Next) {
	if next.isolation == nil || !a.replaces {
		return
	}
	for group := range a.groups {
		if _, sent := next.Groups[group]; !sent {
			a.drifted[group] = true
		}
	}
}

// restart loses what is only in memory.
func (a *agent) restart() { a.state = State{} }

// run sends everything that is to be sent, and returns the number of requests.
func (a *agent) run(limit int) (requests int, err error) {
	for a.step(answered, func() {}) {
		if requests++; requests > limit {
			return requests, fmt.Errorf("more than %d requests, the last ones\n%s", limit, lines(a.requests[len(a.requests)-min(10, len(a.requests)):]))
		}
	}
	return requests, nil
}

// runAll runs until nothing is left to send.
func (a *agent) runAll(t *testing.T) {
	t.Helper()
	if _, err := a.run(50); err != nil {
		t.Fatal(err)
	}
}
