package reliability

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// book is what must be known of a story's course to judge its end, beyond the specs.
type book struct {
	// ever are the groups that an object declared at any time, and those of each agent.
	ever      map[types.UID]map[string]bool
	everAgent map[string]map[string]bool
	// loose are groups of agents that the operator may leave as they stand, by place and agent. Once
	// declared again, they are as declared.
	loose map[string]map[string]bool
	// drifted are agents whose groups somebody changed in DeepCall: only a resync heals that.
	drifted map[string]bool
	// news counts, for each agent, what can take a call: each change of a spec, request, drift, and each
	// change of its account.
	news map[string]int
}

func newBook() *book {
	return &book{
		ever: map[types.UID]map[string]bool{}, everAgent: map[string]map[string]bool{},
		loose: map[string]map[string]bool{}, drifted: map[string]bool{}, news: map[string]int{},
	}
}

func add(sets map[string]map[string]bool, key, id string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][id] = true
}

// declares notes what a mapping declares from now on. Under Orphan, and at a deletion while suspended, all
// that it ever declared and does no longer may stay as it stands.
func (b *book) declares(mapping *v1alpha1.AgentGroupMapping) {
	agent := mapping.Spec.AgentID
	b.news[agent]++
	if b.ever[mapping.UID] == nil {
		b.ever[mapping.UID] = map[string]bool{}
	}
	declared := declaredBy(mapping)
	for _, group := range mapping.Spec.Groups {
		b.ever[mapping.UID][group.GroupID] = true
		add(b.everAgent, agent, group.GroupID)
	}
	orphans := mapping.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan
	if !orphans && (mapping.DeletionTimestamp == nil || !mapping.Spec.Suspend) {
		return
	}
	for id := range b.ever[mapping.UID] {
		if _, is := declared[id]; !is {
			b.loosen(agent, id)
		}
	}
}

func (b *book) loosen(agent, id string) {
	for _, place := range []string{here, there} {
		add(b.loose, place+" "+agent, id)
	}
}

// leaves notes that an account leaves a DeepCall: nobody tells that one any more what is to be stopped.
func (b *book) leaves(account, place string) {
	for agent, of := range castAgents {
		if of != account {
			continue
		}
		b.news[agent]++
		for id := range b.everAgent[agent] {
			add(b.loose, place+" "+agent, id)
		}
	}
}

// vanishes notes objects that went without waiting for anybody, so that nobody can tell what is to be stopped. The
// API server allows that to happen to one with a finalizer: it looks for finalizers, and then deletes, and does not see
// one that is added in between; those are counted. And one that was under Orphan has no finalizer until the operator
// saw that it no longer is. Neither ever had a deletionTimestamp.
func (b *book) vanishes(versions []version) (vanished int) {
	wasOrphan := map[types.UID]bool{}
	for _, v := range versions {
		m := v.mapping
		if m == nil {
			continue
		}
		if m.Spec.RemovalPolicy == v1alpha1.RemovalPolicyOrphan {
			wasOrphan[m.UID] = true
		}
		held := slices.Contains(m.Finalizers, v1alpha1.StopCallsFinalizer)
		if !v.gone || m.DeletionTimestamp != nil || !held && !wasOrphan[m.UID] {
			continue
		}
		if held {
			vanished++
		}
		for id := range b.ever[m.UID] {
			b.loosen(m.Spec.AgentID, id)
		}
	}
	return vanished
}

// drifts notes that DeepCall's groups of an agent are no longer what they were.
func (b *book) drifts(agent string) {
	b.drifted[agent] = true
	b.news[agent]++
}

// accountChanges notes that all agents of an account may have to try again.
func (b *book) accountChanges(account string) {
	for agent, of := range castAgents {
		if of == account {
			b.news[agent]++
		}
	}
}
