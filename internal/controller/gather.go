package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// view is all that is known of an agent at one moment.
type view struct {
	key     AgentKey
	now     time.Time
	account *v1alpha1.DeepCallAccount // nil when there is none
	runtime *account.Account          // nil when there is no account, or it was not looked at yet
	// cached is true when the cache knows the account.
	cached bool
	// unknown is true while the account's own reconciler has not looked at it.
	unknown  bool
	standing account.Standing
	members  []*member
	// compared is true when the cache was compared with the API server before the view was gathered from it.
	compared bool
}

// member is one mapping of the agent.
type member struct {
	mapping   *v1alpha1.AgentGroupMapping
	known     *recollection
	permitted bool
	requested string // a resync asked for and not handled yet
	refused   bool   // DeepCall said no to this generation
	claims    plan.Claims
	change    plan.Change
	wakeAt    time.Time // when to look again although nothing happens; zero is never
	resyncAt  time.Time // when the groups are, or were, to be sent again; zero is never
}

// gather reads the agent's mappings and its account from the cache, or from what we wrote
// ourselves if that is newer.
func (r *AgentReconciler) gather(ctx context.Context, key AgentKey) (*view, error) {
	v := &view{key: key, now: r.Clock.Now(), compared: r.inherited.asked.Load()}
	recalled := r.Written.recall(key)
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.MatchingFields{agentIndex: key.String()}); err != nil {
		return nil, fmt.Errorf("list the agent's mappings: %w", err)
	}
	if err := r.gatherAccount(ctx, v); err != nil {
		return nil, err
	}
	for i := range list.Items {
		mapping := latest(recalled, &list.Items[i])
		if released(mapping) {
			continue
		}
		permitted, err := r.Access.permits(ctx, v.account, mapping.Namespace)
		if err != nil {
			return nil, err
		}
		m := &member{mapping: mapping, permitted: permitted, known: r.memory.of(key, mapping.UID)}
		v.members = append(v.members, m)
	}
	return v, nil
}

// released is true for a mapping that is being deleted and does not wait for us: it never had
// to, or DeepCall was told. What it once applied must not ride along any more.
func released(mapping *v1alpha1.AgentGroupMapping) bool {
	return mapping.DeletionTimestamp != nil && !hasFinalizer(mapping, v1alpha1.StopCallsFinalizer)
}

func (r *AgentReconciler) gatherAccount(ctx context.Context, v *view) error {
	if !r.Access.watches(v.key.Account.Namespace) {
		return nil // as if there were none: what is there is not for us to know
	}
	recalled := r.Written.recall(v.key.Account)
	var found v1alpha1.DeepCallAccount
	err := r.Client.Get(ctx, v.key.Account, &found)
	if apierrors.IsNotFound(err) {
		return r.gatherNews(ctx, v)
	}
	if err != nil {
		return fmt.Errorf("get the account: %w", err)
	}
	v.account = latest(recalled, &found)
	v.runtime = r.Accounts.Get(v.key.Account)
	v.cached = true
	v.unknown = v.runtime == nil || v.runtime.Settings().Revision != revisionOf(v.account)
	if v.runtime != nil {
		v.standing = v.runtime.Standing()
	}
	return nil
}

// gatherNews asks the API server for an account that the cache does not know: one that was created a
// moment ago, perhaps together with the mapping, is not missing.
func (r *AgentReconciler) gatherNews(ctx context.Context, v *view) error {
	var found v1alpha1.DeepCallAccount
	err := r.Live.Get(ctx, v.key.Account, &found)
	if err == nil && v.now.Sub(found.CreationTimestamp.Time).Abs() < newsTakes {
		v.account, v.unknown = &found, true
	}
	return client.IgnoreNotFound(err)
}

// newsTakes is how long the cache may take to learn of a new account.
const newsTakes = 5 * time.Second

// held is true when the account can't vanish under a call: it carries our finalizer, or is
// being deleted and takes none.
func held(a *v1alpha1.DeepCallAccount) bool {
	return hasFinalizer(a, v1alpha1.InUseFinalizer) || a.DeletionTimestamp != nil
}

// plan decides the change of every member that is still there.
func (v *view) plan() {
	v.members = slices.DeleteFunc(v.members, func(m *member) bool { return released(m.mapping) })
	claims := make([]plan.Claims, len(v.members))
	for i, m := range v.members {
		m.look(v)
		claims[i] = m.claims
	}
	for i, change := range plan.Plan(claims) {
		v.members[i].change = change
	}
}

// anyReleased is true when a member was let go since the plan was made.
func (v *view) anyReleased() bool {
	return slices.ContainsFunc(v.members, func(m *member) bool { return released(m.mapping) })
}

func (v *view) claims() ([]plan.Claims, []plan.Change) {
	claims := make([]plan.Claims, len(v.members))
	changes := make([]plan.Change, len(v.members))
	for i, m := range v.members {
		claims[i], changes[i] = m.claims, m.change
	}
	return claims, changes
}

// wakeAt is the earliest time at which a member wants to be looked at again.
func (v *view) wakeAt() time.Time {
	var earliest time.Time
	for _, m := range v.members {
		if !m.wakeAt.IsZero() && (earliest.IsZero() || m.wakeAt.Before(earliest)) {
			earliest = m.wakeAt
		}
	}
	return earliest
}

// look turns the mapping into claims, as of the view's time.
func (m *member) look(v *view) {
	spec, status := &m.mapping.Spec, &m.mapping.Status
	m.wakeAt, m.resyncAt = time.Time{}, time.Time{}
	m.requested = ""
	if at := cut(m.mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation], maxRequest); at != status.LastHandledReconcileAt {
		m.requested = at
	}
	m.refused = refusedByDeepCall(status.Conditions, m.mapping.Generation) &&
		(m.known.refusedAt == "" || m.known.refusedAt == v.standing.Endpoint)
	if m.known.trialOf != m.mapping.Generation {
		m.known.trial = plan.Trial{}
	}
	if q := m.known.inquiry; q != nil && q.refusal.generation != m.mapping.Generation {
		m.known.inquiry = nil
	}

	m.claims = plan.Claims{
		Owner:     m.mapping.Namespace + "/" + m.mapping.Name,
		Created:   m.mapping.CreationTimestamp.Time,
		Applied:   asMap(status.AppliedGroups),
		Elsewhere: v.standing.Endpoint != "" && status.AppliedEndpoint != v.standing.Endpoint,
		Uncertain: status.Uncertain || lostSight(m.mapping),
		Attempted: unanswered(m.mapping),
		Removing:  m.mapping.DeletionTimestamp != nil,
		Orphan:    spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan,
		Suspended: spec.Suspend || (!m.permitted && m.mapping.DeletionTimestamp == nil),
		Trial:     m.known.trial,
	}
	if status.LastSyncTime != nil {
		m.claims.Confirmed = status.LastSyncTime.Time
	}
	if !m.claims.Removing && m.permitted {
		m.claims.Declared = asMap(spec.Groups)
	}
	m.claims.Due = m.due(v.now)
	m.claims.Blocked = (m.refused && !m.claims.Due) || m.backsOff(v) || m.tooLate(v)
}

func (m *member) backsOff(v *view) bool {
	r := m.known.retry
	if r.failures == 0 || !v.now.Before(r.until) || !v.standing.Ready() {
		return false
	}
	if r.generation != m.mapping.Generation || r.requestedAt != m.requested || r.epoch != v.standing.Epoch {
		return false
	}
	m.wakeBy(r.until)
	return true
}

// tooLate is true for a mapping that would begin to use an account that is being deleted.
func (m *member) tooLate(v *view) bool {
	return v.account != nil && v.account.DeletionTimestamp != nil &&
		!m.claims.Orphan && !hasFinalizer(m.mapping, v1alpha1.StopCallsFinalizer)
}

func (m *member) wakeBy(at time.Time) {
	if m.wakeAt.IsZero() || at.Before(m.wakeAt) {
		m.wakeAt = at
	}
}

// want is what a turn for this member's change is asked for.
func (m *member) want() account.Want {
	want := account.Want{Priority: account.Resync, Removal: m.claims.Removing}
	switch {
	case m.requested != "":
		want.Priority = account.Edit
	case !m.change.Pending || m.refused:
	case m.known.retry.generation == m.mapping.Generation && m.known.retry.failures > 0:
		want.Priority = account.Retry
	default:
		want.Priority = account.Edit
	}
	return want
}

// lostSight is true when a call may have been made for a generation that is no longer the current
// one, with its outcome lost in a crash: generations passed unseen, or the last one seen was still to
// be sent. Then going back to what was confirmed before is not enough to be sure.
func lostSight(mapping *v1alpha1.AgentGroupMapping) bool {
	status := &mapping.Status
	if status.ObservedGeneration <= 0 || mapping.Generation == status.ObservedGeneration {
		return false
	}
	if mapping.Generation > status.ObservedGeneration+1 {
		return true
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionFalse &&
		ready.Reason != v1alpha1.ReasonSuspended && ready.Reason != v1alpha1.ReasonConflict
}

func (m *member) uid() types.UID { return m.mapping.UID }

func asMap(list []v1alpha1.AgentGroup) plan.Groups {
	groups := make(plan.Groups, len(list))
	for _, group := range list {
		groups[group.GroupID] = group.ReceiveCall
	}
	return groups
}
