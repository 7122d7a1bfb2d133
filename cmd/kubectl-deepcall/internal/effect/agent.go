package effect

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// agent is one agent. Running it does what the operator and DeepCall would do after the change.
type agent struct {
	*change
	key v1alpha1.AgentKey
	// changed reports whether the change concerns the agent.
	changed bool
	account plan.Account
	// mappings are copies, which the simulated writes change.
	mappings []plan.Mapping
	state    plan.State
	now      time.Time
	requests []Request
	// confirmed are the groups as DeepCall confirmed them before the change, and owners whose they were. groups are what it has
	// now.
	confirmed, groups map[string]bool
	owners            map[string]*v1alpha1.AgentGroupMapping
}

func (c *change) newAgent(key v1alpha1.AgentKey) *agent {
	before, after := c.before.byAgent[key], c.after.byAgent[key]
	a := &agent{change: c, key: key, now: c.Now, changed: c.concerns(key)}
	a.confirmed, a.owners = applied(before)
	a.groups = maps.Clone(a.confirmed)
	if !a.changed {
		return a
	}
	a.account = c.account(key.Account)
	for _, m := range after {
		mapping := plan.NewMapping(m, c.permits(key.Account, m.Namespace), c.Now)
		mapping.Spec.ResyncInterval = nil // periodic resyncs are no effect of a change
		a.mappings = append(a.mappings, mapping)
	}
	return a
}

// concerns reports whether the change concerns the agent.
func (c *change) concerns(key v1alpha1.AgentKey) bool {
	return !slices.Equal(c.before.byAgent[key], c.after.byAgent[key]) || c.accountChanges(key)
}

// accountChanges reports whether the agent's account, or the labels that it selects by, change in a way that can change requests.
func (c *change) accountChanges(key v1alpha1.AgentKey) bool {
	before, after := c.before.accounts[key.Account], c.after.accounts[key.Account]
	if before == nil || after == nil {
		return before != after
	}
	if c.labelsChange(key, after) {
		return true
	}
	if before == after {
		return false
	}
	return (before.DeletionTimestamp == nil) != (after.DeletionTimestamp == nil) ||
		before.Spec.Endpoint != after.Spec.Endpoint || before.Spec.CredentialsSecretRef != after.Spec.CredentialsSecretRef ||
		!equality.Semantic.DeepEqual(before.Spec.AllowedNamespaces, after.Spec.AllowedNamespaces) ||
		v1alpha1.RequestedAt(before) != v1alpha1.RequestedAt(after)
}

// labelsChange reports whether the account selects namespaces by label, and the labels of a namespace with a mapping of the agent change.
func (c *change) labelsChange(key v1alpha1.AgentKey, account *v1alpha1.DeepCallAccount) bool {
	return account.Spec.AllowedNamespaces.From == v1alpha1.NamespacesFromSelector &&
		slices.ContainsFunc(c.after.byAgent[key], func(m *v1alpha1.AgentGroupMapping) bool {
			return !maps.Equal(c.before.namespaces[m.Namespace], c.after.namespaces[m.Namespace])
		})
}

// applied returns the groups that DeepCall last confirmed, and the mapping that owns each of them.
func applied(mappings []*v1alpha1.AgentGroupMapping) (map[string]bool, map[string]*v1alpha1.AgentGroupMapping) {
	groups, owners := map[string]bool{}, map[string]*v1alpha1.AgentGroupMapping{}
	for id, group := range v1alpha1.ConfirmedGroups(mappings) {
		groups[id], owners[id] = group.ReceiveCall, group.Owner
	}
	return groups, owners
}

// run sends the requests until there is nothing left to send.
func (a *agent) run() error {
	for range 100 + 10*len(a.mappings) {
		decisions, err := a.reconcile()
		if err != nil {
			return err
		}
		next, ok := decisions.Next()
		if !ok {
			return nil
		}
		a.send(next)
	}
	return fmt.Errorf("the requests for agent %s do not come to an end", a.key)
}

func (a *agent) snapshot() plan.Snapshot {
	return plan.Snapshot{Key: a.key, Now: a.now, Account: a.account, Mappings: slices.Clone(a.mappings)}
}

// reconcile applies the result of the last request, makes the writes that need no request, and returns the decisions after them.
func (a *agent) reconcile() (plan.Decisions, error) {
	if a.state.Result != nil {
		applied := plan.Apply(a.snapshot(), a.state)
		a.write(applied.Writes)
		a.state = applied.State
	}
	for range 10 + 10*len(a.mappings) {
		decisions := plan.Plan(a.snapshot(), a.state)
		if len(decisions.Writes) == 0 {
			return decisions, nil
		}
		a.write(decisions.Writes)
	}
	return plan.Decisions{}, fmt.Errorf("the statuses of agent %s do not come to an end", a.key)
}

// write makes the writes, as the API server would. Mappings that are released are gone.
func (a *agent) write(writes []plan.Write) {
	for _, w := range writes {
		m := a.mappings[w.Mapping].AgentGroupMapping
		switch {
		case w.AddFinalizer:
			m.Finalizers = append(m.Finalizers, v1alpha1.StopCallsFinalizer)
		case w.RemoveFinalizer:
			m.Finalizers = slices.DeleteFunc(m.Finalizers, func(name string) bool { return name == v1alpha1.StopCallsFinalizer })
		}
		if w.Status != nil {
			m.Status = *w.Status
			a.mappings[w.Mapping] = plan.NewMapping(m, a.mappings[w.Mapping].Permitted, a.now)
		}
	}
	a.mappings = slices.DeleteFunc(a.mappings, func(m plan.Mapping) bool { return m.Released() })
}

// send records the attempt, and lets DeepCall accept the request.
func (a *agent) send(next plan.Next) {
	m := a.mappings[next.Mapping].AgentGroupMapping
	if next.AddFinalizer {
		m.Finalizers = append(m.Finalizers, v1alpha1.StopCallsFinalizer)
	}
	if len(next.Adds) > 0 {
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.AttemptedGroupsAnnotation, next.Record)
		a.state = a.state.WithAttempt(next, plan.AttemptOf(m).Number)
	}
	maps.Copy(a.groups, next.Groups)
	a.requests = append(a.requests, Request{Account: a.key.Account, AgentID: a.key.AgentID, Mapping: nameOf(m), Groups: sortedGroups(next.Groups)})
	a.now = a.now.Add(time.Microsecond) // the precision of lastSyncTime
	a.state = a.state.WithResult(plan.Result{
		Next: next, Endpoint: a.account.Endpoint, UserHash: a.account.UserHash, Attempt: plan.AttemptOf(m).Number,
		Answer: deepcall.Answer{Code: 200}, At: a.now,
	})
}

func sortedGroups(groups plan.Groups) []v1alpha1.AgentGroup {
	list := make([]v1alpha1.AgentGroup, 0, len(groups))
	for _, id := range slices.SortedFunc(maps.Keys(groups), natsort.Compare) {
		list = append(list, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: groups[id]})
	}
	return list
}
