// Package plan decides what is sent to DeepCall and what the statuses state. It is pure: it does no I/O and reads no clock.
//
// The unit is an agent: all its mappings are planned together. DeepCall's documentation does not make clear whether a request
// removes the groups that it omits. So every request contains the pending change of one mapping, and carries the groups that
// the other mappings have in DeepCall.
//
//	Plan(snapshot, state)   the next request, and the statuses and finalizers that need no request
//	Apply(snapshot, state)  the statuses that the result of a request changes, and the state after they were written
package plan

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// namespacePollInterval is how often a blocked deletion checks whether its namespace is being deleted.
const namespacePollInterval = time.Minute

// maxOutsideWrites is how many writes are planned at once for the mappings of a namespace that are outside, so that they don't
// delay the agent's request. The watch events of these writes enqueue the agent again, for the next ones.
const maxOutsideWrites = 10

// Write is a change of one mapping object.
type Write struct {
	// Mapping is the position of the mapping in the snapshot.
	Mapping int
	// AddFinalizer and RemoveFinalizer change the finalizer. Removing it releases a mapping that is being deleted.
	AddFinalizer, RemoveFinalizer bool
	// Status is the new status; nil leaves it as it is.
	Status *v1alpha1.AgentGroupMappingStatus
	// Abandoned are the groups whose calls the agent can still receive after the mapping is released, since removals can no longer
	// be sent.
	Abandoned []string
}

func (w Write) isZero() bool {
	return !w.AddFinalizer && !w.RemoveFinalizer && w.Status == nil
}

// Next is the next request of an agent, with the mapping that it is sent for.
type Next struct {
	Request
	// Mapping is the position of the mapping in the snapshot, UID and Generation identify what the request is for.
	Mapping    int
	UID        types.UID
	Generation int64
	// RequestedAt is the requested resync that the request handles; empty if there is none.
	RequestedAt string
	// AccountResync is the account's ResyncRequested, which the request handles for the mapping, too.
	AccountResync *metav1.MicroTime
	Priority      Priority
	// Deleting reports whether the mapping is being deleted: the request only removes groups.
	Deleting bool
	// Adds are the groups that the request adds, and Pending those that it or an earlier request without an answer may have
	// added. Record is their record, which is written before the request if it adds any. AddFinalizer reports whether the finalizer
	// is missing.
	Adds, Pending []string
	Record        string
	AddFinalizer  bool

	// mappingIsolation is set if the request is a step of it, and not the change itself.
	mappingIsolation *MappingIsolation
	// attemptCertain reports whether no earlier request can have added groups without an answer. Then a rejection of this
	// request proves that no group was added.
	attemptCertain bool
}

// Decisions are the result of planning an agent.
type Decisions struct {
	// Writes are the changes of objects that need no request.
	Writes []Write
	// RequeueAt is the earliest time at which the decisions change with the passage of time alone; zero if there is none.
	RequeueAt time.Time
	// ResyncAt is when the earliest periodic resync is due, also in the past; zero if there is none.
	ResyncAt time.Time

	next *Next
}

// Next returns the request to send now. It reports false if there is none.
func (d Decisions) Next() (Next, bool) {
	if d.next == nil {
		return Next{}, false
	}
	return *d.next, true
}

// Plan decides which request is sent next, and which writes need no request.
func Plan(snapshot Snapshot, state State) Decisions {
	p := newPlanner(snapshot, state)
	var d Decisions
	outside := map[string]int{}
	for i, m := range snapshot.Mappings {
		if w := p.report(i); !w.isZero() && (!m.IsOutside() || outside[m.Namespace] < maxOutsideWrites) {
			d.Writes = append(d.Writes, w)
			if m.IsOutside() {
				outside[m.Namespace]++
			}
		}
		d.RequeueAt = earliest(d.RequeueAt, p.requeueAt(i))
		if !p.inputs[i].deleting && len(p.changes[i].desired) > 0 {
			d.ResyncAt = earliest(d.ResyncAt, p.inputs[i].resyncAt)
		}
	}
	// Of a misconfigured account, only removals can be sent.
	if i := nextOf(p.inputs, p.changes, snapshot.Account.Misconfigured); i >= 0 && snapshot.Account.Exists {
		next := p.next(i)
		d.next = &next
	}
	return d
}

// planner holds a snapshot in the form in which decisions are made.
type planner struct {
	Snapshot
	state   State
	inputs  []input
	changes []change
}

func newPlanner(snapshot Snapshot, state State) planner {
	snapshot = snapshot.withUnwritten(state)
	p := planner{Snapshot: snapshot, state: state, inputs: make([]input, len(snapshot.Mappings))}
	for i, m := range snapshot.Mappings {
		p.inputs[i] = newInput(snapshot, m, state.of(m))
	}
	p.changes = computeChanges(p.inputs)
	return p
}

// nextOf returns the mapping whose request is sent next, or -1: changes come before resyncs, a change that was not sent yet
// before the next step of an isolation of removals, which can take many, then the older mapping. If deletionsFirst is set,
// mappings that are being deleted come before all others.
func nextOf(inputs []input, changes []change, deletionsFirst bool) int {
	next := -1
	for i := range inputs {
		if sends(inputs[i], changes[i]) && (next < 0 || comesBefore(inputs, changes, deletionsFirst, i, next)) {
			next = i
		}
	}
	return next
}

// sends reports whether a request is sent for the mapping now.
func sends(in input, c change) bool {
	if in.hold != notHeld {
		return false
	}
	return c.pending || (in.resyncDue && !in.deleting && len(c.desired) > 0)
}

func comesBefore(inputs []input, changes []change, deletionsFirst bool, a, b int) bool {
	switch {
	case deletionsFirst && inputs[a].deleting != inputs[b].deleting:
		return inputs[a].deleting
	case changes[a].pending != changes[b].pending:
		return changes[a].pending
	case inputs[a].isolation.underWay() != inputs[b].isolation.underWay():
		return inputs[b].isolation.underWay()
	default:
		return older(inputs[a], inputs[b])
	}
}

// next returns the request for a mapping: the next step of its isolation if there is one, or its change.
func (p planner) next(i int) Next {
	m, in, c := p.Mappings[i], p.inputs[i], p.changes[i]
	state := p.state.of(m)
	n := Next{
		Mapping: i, UID: m.UID, Generation: m.Generation, RequestedAt: in.requestedAt, AccountResync: p.Account.ResyncRequested,
		Deleting: in.deleting, Pending: in.pendingAdds, Priority: priorityOf(m, in, c, state),
	}
	if isolation := state.MappingIsolation; isolation != nil && !p.outdated(*isolation, i) {
		n.mappingIsolation = isolation
		n.Request = Request{Groups: isolation.groups(p.inputs, p.changes), input: in, change: c}
		return n
	}
	n.Request = newRequest(p.inputs, p.changes, i)
	n.Adds = adds(in, c)
	n.Pending = slices.Sorted(slices.Values(slices.Concat(in.pendingAdds, n.Adds)))
	if len(n.Adds) > 0 {
		n.Record = Record(m.AgentGroupMapping, slices.Compact(slices.Sorted(slices.Values(slices.Concat(n.Pending, in.unrecorded)))))
	}
	n.AddFinalizer = !in.orphan && !in.deleting && !m.HasFinalizer()
	n.attemptCertain = len(in.pendingAdds) == 0 || state.CertainAttempt == AttemptOf(m.AgentGroupMapping).Number
	return n
}

func priorityOf(m Mapping, in input, c change, state MappingState) Priority {
	hasFailed := func(b Backoff) bool { return b.Failures > 0 && b.Generation == m.Generation }
	switch {
	case c.pending && !in.rejected && (hasFailed(state.Backoff) || hasFailed(state.Writes.Metadata.Backoff)):
		return PriorityRetry
	case c.pending && !in.rejected:
		return PriorityEdit
	case in.resyncRequested():
		return PriorityRequestedResync
	default:
		return PriorityPeriodicResync
	}
}

// requeueAt returns when the decisions about a mapping change with the passage of time alone; zero is never.
func (p planner) requeueAt(i int) time.Time {
	in := p.inputs[i]
	at := in.retryAt
	if !in.resyncDue {
		at = earliest(at, in.resyncAt)
	}
	if p.removalImpossible(i) {
		at = earliest(at, p.Now.Add(namespacePollInterval)) // an operator of some namespaces does not watch Namespaces
	}
	return at
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
