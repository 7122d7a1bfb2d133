package effect

import (
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// change is a change of objects: all objects before and after it.
type change struct {
	Options
	before, after index
	// agents are all agents, sorted.
	agents []v1alpha1.AgentKey
	// targets are where the mappings of each account were last applied.
	targets map[types.NamespacedName]target
}

// index holds the objects at one moment.
type index struct {
	accounts   map[types.NamespacedName]*v1alpha1.DeepCallAccount
	byAgent    map[v1alpha1.AgentKey][]*v1alpha1.AgentGroupMapping
	namespaces map[string]map[string]string
}

type target struct {
	deepcall.Target
	at time.Time
}

func newIndex(o Objects) index {
	x := index{
		accounts: map[types.NamespacedName]*v1alpha1.DeepCallAccount{}, byAgent: map[v1alpha1.AgentKey][]*v1alpha1.AgentGroupMapping{},
		namespaces: o.Namespaces,
	}
	for _, account := range o.Accounts {
		x.accounts[nameOf(account)] = account
	}
	for _, m := range o.Mappings {
		if !m.Released() {
			x.byAgent[m.AgentKey()] = append(x.byAgent[m.AgentKey()], m)
		}
	}
	return x
}

func newChange(before, after Objects, o Options) *change {
	c := &change{Options: o, before: newIndex(before), after: newIndex(after), targets: map[types.NamespacedName]target{}}
	for _, m := range before.Mappings {
		at, last := m.Status.LastSyncTime, c.targets[m.AccountKey()]
		if at != nil && m.OwnsStatus() && m.Status.AppliedEndpoint != "" && at.After(last.at) {
			applied := deepcall.Target{Endpoint: m.Status.AppliedEndpoint, UserHash: m.Status.AppliedUserHash}
			c.targets[m.AccountKey()] = target{applied, at.Time}
		}
	}
	keys := maps.Clone(c.after.byAgent)
	maps.Copy(keys, c.before.byAgent)
	c.agents = slices.SortedFunc(maps.Keys(keys), compareAgents)
	return c
}

// unknownEndpoint stands for the endpoint of an account that could not be read.
const unknownEndpoint = "https://unknown.invalid"

// account returns the account of a snapshot after the change. An account that can't be used now counts as usable: DeepCall gets the
// requests once it is.
func (c *change) account(name types.NamespacedName) plan.Account {
	last := c.targets[name]
	switch account := c.after.accounts[name]; {
	case account == nil && !c.mayExist(name):
		return plan.Account{Reachable: true}
	case account == nil:
		endpoint := last.Endpoint
		if endpoint == "" {
			endpoint = unknownEndpoint
		}
		return plan.Account{Exists: true, Reachable: true, CanRemove: true, Endpoint: endpoint, UserHash: last.UserHash}
	default:
		a := plan.Account{
			Exists: true, Reachable: true, CanRemove: true, Deleting: account.DeletionTimestamp != nil,
			Endpoint: account.Spec.Endpoint, ResyncRequested: account.ResyncRequestedTime(),
		}
		// Whether other credentials belong to another user is not known, since Secrets are not read.
		if deepcall.SameEndpoint(last.Endpoint, a.Endpoint) && !c.credentialsChange(name) {
			a.UserHash = last.UserHash
		}
		if account.HasUnhandledRequest() {
			a.ResyncRequested = &metav1.MicroTime{Time: c.Now.Truncate(time.Microsecond)}
		}
		return a
	}
}

func (c *change) credentialsChange(name types.NamespacedName) bool {
	before, after := c.before.accounts[name], c.after.accounts[name]
	return before != nil && after != nil && before.Spec.CredentialsSecretRef != after.Spec.CredentialsSecretRef
}

// permits reports whether the account permits the namespace after the change. A missing account permits its own namespace only,
// unless it may exist.
func (c *change) permits(name types.NamespacedName, namespace string) bool {
	account := c.after.accounts[name]
	if account == nil {
		return name.Namespace == namespace || c.mayExist(name)
	}
	permitted, _ := account.Permits(namespace, func(selector labels.Selector) (bool, error) {
		known, ok := c.after.namespaces[namespace]
		return !ok || selector.Matches(labels.Set(known)), nil
	})
	return permitted
}
