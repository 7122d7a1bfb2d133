package year

import (
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// soon is how long the operator may take for an edit when all is well.
const soon = minute

// checkTruth holds every status against what is so. It is asked at quiet points.
func (w *world) checkTruth() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.roles {
		mapping := w.stored(r)
		switch {
		case mapping == nil:
		case mapping.DeletionTimestamp != nil:
			w.checkLeaving(r, mapping)
		case isReady(mapping):
			w.checkReady(r, mapping)
		default:
			w.checkNotReady(r, mapping)
		}
	}
	for _, name := range []types.NamespacedName{acme, beta} {
		w.checkAccount(name)
		w.checkLeftovers(name)
	}
}

func isReady(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && mapping.Status.ObservedGeneration == mapping.Generation
}

// checkReady: DeepCall holds what a Ready mapping declares, but for what others changed there lately.
func (w *world) checkReady(r role, mapping *v1alpha1.AgentGroupMapping) {
	holds := w.brands[r.account.Name].holds(r.agent)
	for _, group := range mapping.Spec.Groups {
		if holds[group.GroupID] == yesNo(group.ReceiveCall) {
			continue
		}
		since, known := w.wrong[r.agentKey()][group.GroupID]
		switch {
		case !known:
			w.violateLocked("truth: %s is Ready, but DeepCall holds %q for group %s", r, holds[group.GroupID], group.GroupID)
		case !mapping.Spec.Suspend && !w.lostAny(r, time.Now()) && w.late(r, since, time.Now()):
			w.violateLocked("drift: group %s of %s stands wrong since %s; its interval is %s", group.GroupID, r, stamp(since), r.interval)
		}
	}
}

// checkNotReady: there is a cause for it.
func (w *world) checkNotReady(r role, mapping *v1alpha1.AgentGroupMapping) {
	now, reason := time.Now(), "none yet"
	if ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		reason = ready.Reason
	}
	switch {
	case now.Before(w.touched[r.NamespacedName].Add(soon)):
	case mapping.Spec.Suspend && reason == v1alpha1.ReasonSuspended:
	case reason == "InvalidGroupData" && w.lostAny(r, now):
	case reason != "InvalidGroupData" && len(w.troubled(r.account.Name, now, now)) > 0:
	default:
		w.violateLocked("truth: %s is not Ready (%s), for which there is no cause", r, reason)
	}
}

// checkLeaving: a deletion ends, unless the account is in trouble.
func (w *world) checkLeaving(r role, mapping *v1alpha1.AgentGroupMapping) {
	since := mapping.DeletionTimestamp.Time
	if now := time.Now(); now.After(since.Add(soon)) && len(w.troubled(r.account.Name, now, now)) == 0 {
		w.violateLocked("truth: %s is being deleted since %s", r, stamp(since))
	}
}

// checkAccount: an account is Ready when and only when it can be called.
func (w *world) checkAccount(name types.NamespacedName) {
	o, err := w.kube.get(accountKind, name)
	w.must(err)
	var account v1alpha1.DeepCallAccount
	w.must(runtime.DefaultUnstructuredConverter.FromUnstructured(o, &account))
	ready := meta.FindStatusCondition(account.Status.Conditions, v1alpha1.ConditionReady)
	now := time.Now()
	switch {
	case ready == nil:
		w.violateLocked("truth: account %s has no condition", name)
	case ready.Status == metav1.ConditionTrue && !w.answers[name.Name].denied.IsZero():
		w.violateLocked("truth: account %s is Ready (%s), but DeepCall refuses it", name, ready.Reason)
	case ready.Status != metav1.ConditionTrue && len(w.troubled(name.Name, now, now)) == 0:
		w.violateLocked("truth: account %s is not Ready (%s), for which there is no cause", name, ready.Reason)
	}
	users := int32(0)
	for _, r := range w.roles {
		if mapping := w.stored(r); mapping != nil && r.account == name {
			users++
		}
	}
	if account.Status.Mappings != users {
		w.violateLocked("truth: account %s counts %d mappings, and has %d", name, account.Status.Mappings, users)
	}
}

// checkLeftovers: where all mappings of an agent are Ready, the agent receives no calls that nobody declares.
func (w *world) checkLeftovers(account types.NamespacedName) {
	declared, unsure := map[string]map[string]bool{}, map[string]bool{}
	for _, r := range w.roles {
		if r.account != account {
			continue
		}
		if declared[r.agent] == nil {
			declared[r.agent] = map[string]bool{}
		}
		mapping := w.stored(r)
		if mapping == nil {
			continue
		}
		if !isReady(mapping) {
			unsure[r.agent] = true
		}
		for _, group := range mapping.Spec.Groups {
			declared[r.agent][group.GroupID] = true
		}
	}
	for agent, groups := range declared {
		holds := w.brands[account.Name].holds(agent)
		for _, group := range slices.Sorted(maps.Keys(holds)) {
			if !unsure[agent] && holds[group] == "Y" && !groups[group] {
				w.violateLocked("truth: agent %s of %s still receives calls for %s, which nobody declares", agent, account, group)
			}
		}
	}
}

// remake makes the mappings again that were deleted and are gone.
func (w *world) remake() {
	w.mu.Lock()
	leaving := maps.Clone(w.leaving)
	w.mu.Unlock()
	for _, r := range w.roles {
		fresh := leaving[r.NamespacedName]
		if fresh == nil {
			continue
		}
		if _, err := w.kube.get(mappingKind, r.NamespacedName); !apierrors.IsNotFound(err) {
			continue
		}
		w.must(w.admin.Create(w.context, fresh))
		w.touch(r.NamespacedName)
		w.mu.Lock()
		delete(w.leaving, r.NamespacedName)
		w.mu.Unlock()
	}
}
