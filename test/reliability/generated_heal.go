package reliability

import (
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// rejections are the reasons with which a mapping waits for a person after DeepCall refused it.
var rejections = func() []string {
	var reasons []string
	for _, entry := range deepcall.Catalogue() {
		if entry.Class == deepcall.Rejected {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}()

// heal ends all trouble: DeepCall is well and knows every group, the Secrets are right, the accounts are
// there and allow all, and no mapping is suspended or names a group that does not exist.
func (p *stage) heal() {
	p.w.ledger.disarm()
	p.turn(func(s *deepcalltest.Server) {
		s.ClearFaults()
		s.Release()
		s.AddGroups(castGroups...)
		for agent := range castAgents {
			s.AddAgents(agent)
		}
		for _, user := range p.users {
			s.Suspend(user, false)
			s.Deny(user, false)
		}
	})
	for _, account := range castAccounts {
		p.secretBecomes(account, "right")
		p.bringBack(account)
		p.allow(account, string(v1alpha1.NamespacesFromAll))
	}
	for _, r := range cast {
		p.edit(r.name, func(m *v1alpha1.AgentGroupMapping) {
			drops(nowhere)(m)
			m.Spec.Suspend = false
		})
	}
}

// bringBack creates an account that was abolished. One that is still being deleted has to go first, and
// for that all that use it.
func (p *stage) bringBack(account string) {
	existing := &v1alpha1.DeepCallAccount{}
	err := admin.Get(p.w.context, p.w.key(account), existing)
	if err == nil && existing.DeletionTimestamp == nil {
		return
	}
	if err == nil {
		for _, r := range cast {
			if r.account == account {
				p.delete(r.name)
			}
		}
		p.until("the account "+account+" goes", func() string {
			if apierrors.IsNotFound(admin.Get(p.w.context, p.w.key(account), existing)) {
				return ""
			}
			return "I7: it is " + accountStanding(existing) + "\n" + p.describe()
		})
	}
	p.createAccount(account)
}

// until waits for a condition as [world.until] does. Meanwhile it does what a person would: ask for
// another try of what waits for one.
func (p *stage) until(what string, missing func() string) {
	n := nurse{p: p, asked: map[string]int{}}
	still := "nobody looked"
	if !p.soon(patience, func() bool { n.look(); still = missing(); return still == "" }) {
		p.t.Fatalf("waited in vain until %s: %s", what, still)
	}
}

// nurse asks for another try of what DeepCall refused before it was well.
type nurse struct {
	p     *stage
	asked map[string]int
	last  time.Time
}

const asksAtMost = 4

func (n *nurse) look() {
	if time.Since(n.last) < 100*time.Millisecond {
		return
	}
	n.last = time.Now()
	for key, account := range n.p.w.history.accounts() {
		name := n.p.name(key)
		refused := account.Status.ObservedGeneration == account.Generation &&
			meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionStalled)
		impatient := n.p.story.Impatient && meta.IsStatusConditionFalse(account.Status.Conditions, v1alpha1.ConditionReady)
		if (refused || impatient) && n.may(name, 1+n.asked[name]*5) {
			n.p.retry(name)
		}
	}
	for key, mapping := range n.p.w.history.mappings() {
		name := n.p.name(key)
		pending := mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation] != mapping.Status.LastHandledReconcileAt
		if (n.refused(mapping) || n.p.story.Impatient && unwell(mapping)) && !pending && n.may(name, 1) {
			n.p.request(name)
		}
	}
}

// may is true so many times: every n-th time that somebody would ask.
func (n *nurse) may(name string, nth int) bool {
	n.asked[name+" thinks"]++
	if n.asked[name] >= asksAtMost || n.asked[name+" thinks"] < nth {
		return false
	}
	n.asked[name]++
	n.asked[name+" thinks"] = 0
	return true
}

// refused is true for a mapping of which DeepCall refuses what it declares now.
func (n *nurse) refused(mapping *v1alpha1.AgentGroupMapping) bool {
	stalled := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionStalled)
	return stalled != nil && stalled.ObservedGeneration == mapping.Generation && slices.Contains(rejections, stalled.Reason)
}

func unwell(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionFalse && ready.Reason != v1alpha1.ReasonConflict
}
