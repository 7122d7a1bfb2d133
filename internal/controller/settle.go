package controller

import (
	"context"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// DeepCall's codes that say more of a removal than that it was refused.
const codeInvalidGroupData = 1505

var codesUnknownAgent = []int{1003, 1507, 1509}

// settle takes in the outcome of the agent's last call, and writes what it means into the status
// of the mapping that it was made for. Until that is written, the outcome is kept and no further
// call is made.
func (r *AgentReconciler) settle(ctx context.Context, v *view) error {
	o, ok := r.memory.outcome(v.key)
	if !ok {
		return nil
	}
	m := v.member(o)
	if m == nil {
		r.memory.reported(v.key) // the mapping is gone
		return nil
	}
	v.plan()
	settle := r.settleMember
	if o.inquiry != nil && (o.failure == nil || o.failure.Class == deepcall.Rejected) {
		settle = r.settleInquiry
	}
	if err := settle(ctx, v, m, o); err != nil {
		return err
	}
	r.memory.reported(v.key)
	return nil
}

func (r *AgentReconciler) settleMember(ctx context.Context, v *view, m *member, o outcome) error {
	if o.failure != nil && o.failure.Uncertain {
		m.known.sure = 0
	}
	switch progress, made := o.progress(); {
	case made && progress.Done && o.removing && len(o.change.Kept) == 0:
		*m.known = recollection{}
		return r.release(ctx, m)
	case made && progress.Done:
		*m.known = recollection{}
		return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) { o.accepted(status, progress.Applied) })
	case made:
		if len(progress.Trial.Gone) > len(m.known.trial.Gone) {
			m.known.retry = backoff{} // as after any change that is through
		}
		m.known.trial, m.known.trialOf = progress.Trial, o.generation
		return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) { o.progressed(status, progress.Applied) })
	}
	switch o.failure.Class {
	case deepcall.Rejected:
		return r.settleRefusal(ctx, v, m, o)
	case deepcall.Denied:
		sure := m.known.sure
		*m.known = recollection{}
		return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) {
			o.failed(status, sure, accountNotReady(v.key.Account, m.mapping.Namespace))
		})
	default:
		m.known.trial = m.known.trial.Interrupted()
		r.backOff(v, m, o)
		verdict := failing(o.failure)
		if !v.standing.Ready() {
			verdict = accountNotReady(v.key.Account, m.mapping.Namespace)
		}
		if err := r.doubt(ctx, v, m, o); err != nil {
			return err
		}
		return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) { o.failed(status, 0, verdict) })
	}
}

// doubt notes of the mappings that keep a group for a taker, whose answer was lost, that DeepCall may
// hold the taker's value by now. Should they claim the group back, it is sent again.
func (r *AgentReconciler) doubt(ctx context.Context, v *view, taker *member, o outcome) error {
	if !o.failure.Uncertain {
		return nil
	}
	for _, other := range v.members {
		keeps := slices.ContainsFunc(slices.Collect(maps.Keys(other.change.Kept)), func(group string) bool {
			_, taken := o.change.Target[group]
			return taken
		})
		if other == taker || !keeps {
			continue
		}
		if err := r.write(ctx, other, func(status *v1alpha1.AgentGroupMappingStatus) { status.Uncertain = true }); err != nil {
			return err
		}
	}
	return nil
}

// settleRefusal takes in DeepCall's no to a change. If other mappings' groups rode along, the
// refusal may be theirs, which an inquiry finds out.
func (r *AgentReconciler) settleRefusal(ctx context.Context, v *view, m *member, o outcome) error {
	claims, changes := v.claims()
	q, open := plan.Inquire(claims, changes, slices.Index(v.members, m))
	if !open || slices.Contains(codesUnknownAgent, o.failure.Code) {
		return r.blame(ctx, m, o, !m.change.Pending)
	}
	return r.proceed(ctx, v, m, inquiry{Inquiry: q, refusal: o, unchanged: unchanged(claims, changes)})
}

// settleInquiry takes in the answer to one step of an inquiry.
func (r *AgentReconciler) settleInquiry(ctx context.Context, v *view, m *member, o outcome) error {
	claims, changes := v.claims()
	if o.inquiry.outdated(claims, changes) {
		m.known.inquiry = nil // the change itself is sent again
		return nil
	}
	q := *o.inquiry
	q.Inquiry = q.Next(claims, changes, o.failure == nil)
	return r.proceed(ctx, v, m, q)
}

// proceed goes on with an inquiry, or carries out what it found.
func (r *AgentReconciler) proceed(ctx context.Context, v *view, m *member, q inquiry) error {
	if q.Step != plan.Closed {
		m.known.inquiry = &q
		return nil
	}
	if guilty := slices.Contains(q.Guilty, m.claims.Owner); guilty || len(q.Guilty) == 0 {
		if err := r.blame(ctx, m, q.refusal, guilty); err != nil {
			return err
		}
	}
	for _, other := range v.members {
		if other != m && slices.Contains(q.Guilty, other.claims.Owner) {
			if err := r.exclude(ctx, other, q.refusal); err != nil {
				return err
			}
		}
	}
	m.known.inquiry = nil
	return nil
}

// blame writes that DeepCall refuses what the mapping declares, and perhaps also what it accepted of it before.
func (r *AgentReconciler) blame(ctx context.Context, m *member, o outcome, alsoApplied bool) error {
	if o.removing && len(o.change.Kept) > 0 {
		// What it keeps for a taker may be what is refused: it is kept no more, but stopped with the rest.
		*m.known = recollection{}
		return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) { status.AppliedEndpoint = "" })
	}
	sure, onTrial := m.known.sure, m.known.trial.Phase != plan.Together
	*m.known = recollection{refusedAt: o.endpoint}
	return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) {
		o.refused(status, sure)
		// What is on trial was left out of requests meanwhile. Should it be declared again, it is sent again.
		status.Uncertain = status.Uncertain || onTrial
		if alsoApplied {
			status.AppliedEndpoint = ""
		}
	})
}

// exclude writes that DeepCall refuses by now what it accepted of the mapping before: it rides along
// no more until its own change is accepted. If one is waiting already, it has the next word.
func (r *AgentReconciler) exclude(ctx context.Context, m *member, o outcome) error {
	m.known.refusedAt = o.endpoint
	o.generation, o.removing, o.requestedAt, o.attempt = m.mapping.Generation, m.claims.Removing, "", 0
	return r.write(ctx, m, func(status *v1alpha1.AgentGroupMappingStatus) {
		status.AppliedEndpoint = ""
		if !m.change.Pending || m.refused {
			o.refused(status, 0)
		}
	})
}

// progress says how far the change has come by the answer; false means that it was not taken.
func (o outcome) progress() (plan.Progress, bool) {
	switch {
	case o.failure == nil:
		return o.call.Accepted(), true
	case o.removing && slices.Contains(codesUnknownAgent, o.failure.Code):
		return plan.Progress{Applied: o.change.Applied(), Done: true}, true
	case o.failure.Code == codeInvalidGroupData && o.failure.Class == deepcall.Rejected:
		return o.call.Refused()
	default:
		return plan.Progress{}, false
	}
}

// accepted is the status once DeepCall confirmed the change.
func (o outcome) accepted(status *v1alpha1.AgentGroupMappingStatus, applied plan.Groups) {
	at := metav1.NewMicroTime(o.at)
	status.AppliedGroups, status.Receiving = asList(applied), receiving(applied)
	status.AppliedEndpoint = o.endpoint
	status.AnsweredAttempt = max(status.AnsweredAttempt, o.attempt)
	status.Uncertain = false
	status.LastSyncTime = &at
	o.answered(status)
	verdict := synced()
	if len(o.change.Conflicts) > 0 {
		verdict = conflict(o.change.Conflicts)
	}
	o.conclude(status, verdict)
}

// progressed is the status while a removal is on trial: what DeepCall holds by now, and no word of the rest.
func (o outcome) progressed(status *v1alpha1.AgentGroupMappingStatus, applied plan.Groups) {
	status.AppliedGroups, status.Receiving = asList(applied), receiving(applied)
	if o.failure == nil {
		at := metav1.NewMicroTime(o.at)
		status.AppliedEndpoint, status.LastSyncTime = o.endpoint, &at
	}
}

// refused is the status once DeepCall said no to the change, or to what it accepted before.
func (o outcome) refused(status *v1alpha1.AgentGroupMappingStatus, sure int64) {
	o.answered(status)
	o.settleAttempt(status, sure)
	verdict := refused(o.failure)
	if o.removing {
		verdict = verdict.removing()
	}
	o.conclude(status, verdict)
}

// failed is the status while the change waits for something to pass. A mere repetition that
// fails leaves everything as it was.
func (o outcome) failed(status *v1alpha1.AgentGroupMappingStatus, sure int64, v verdict) {
	if !o.change.Pending {
		return
	}
	o.settleAttempt(status, sure)
	status.Uncertain = status.Uncertain || o.failure.Uncertain
	if last := status.LastResponse; o.failure.Answer != nil && (last == nil || last.Code != int64(o.failure.Answer.Code)) {
		o.answered(status)
	}
	if o.removing {
		v = v.removing()
	}
	v.apply(&status.Conditions, o.generation, o.at)
	status.ObservedGeneration = o.generation
}

// conclude ends what was asked for, with a definite answer.
func (o outcome) conclude(status *v1alpha1.AgentGroupMappingStatus, v verdict) {
	v.apply(&status.Conditions, o.generation, o.at)
	status.ObservedGeneration = o.generation
	if o.requestedAt != "" {
		status.LastHandledReconcileAt = o.requestedAt
	}
}

// answered notes DeepCall's answer, if there was one.
func (o outcome) answered(status *v1alpha1.AgentGroupMappingStatus) {
	answer := o.answer
	if o.failure != nil {
		if o.failure.Answer == nil {
			return
		}
		answer = *o.failure.Answer
	}
	status.LastResponse = &v1alpha1.LastResponse{Code: int64(answer.Code), Message: answer.Message, Time: metav1.NewTime(o.at)}
}

// settleAttempt notes that a definite no was the only answer to the attempt: nothing was added.
func (o outcome) settleAttempt(status *v1alpha1.AgentGroupMappingStatus, sure int64) {
	if sure != 0 && sure == o.attempt {
		status.AnsweredAttempt = max(status.AnsweredAttempt, sure)
	}
}

// backOff has the change wait before its next try.
func (r *AgentReconciler) backOff(v *view, m *member, o outcome) {
	last := m.known.retry
	failures := 1
	if last.generation == o.generation && last.requestedAt == o.requestedAt && last.epoch == v.standing.Epoch {
		failures = last.failures + 1
	}
	m.known.retry = backoff{
		generation: o.generation, requestedAt: o.requestedAt, epoch: v.standing.Epoch, failures: failures,
		until: o.at.Add(plan.RetryAfter(failures, r.Spread())),
	}
}

func (v *view) member(o outcome) *member {
	if i := slices.IndexFunc(v.members, func(m *member) bool { return m.uid() == o.uid }); i >= 0 {
		return v.members[i]
	}
	return nil
}
