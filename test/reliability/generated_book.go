package reliability

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// book is what must be known of a story's course to judge its end, beyond the specs.
type book struct {
	// ever are the groups that an object declared at any time, and those of each agent.
	ever      map[types.UID]map[string]bool
	everAgent map[string]map[string]bool
	// loose are groups of agents that the operator may leave as they stand, by place and agent, each with the
	// API server's revision at which that came to be. One that is held again later is loose no more.
	loose map[string]map[string]uint64
	// drifted are agents whose groups somebody changed in DeepCall: only a resync heals that.
	drifted map[string]bool
	// news counts, for each agent, what can take a call: each change of a spec, deletion and request of its
	// mappings, and each move of its account. latest tells of each mapping what was news last.
	news   map[string]int
	latest map[types.UID]string
}

func newBook() *book {
	return &book{
		ever: map[types.UID]map[string]bool{}, everAgent: map[string]map[string]bool{},
		loose: map[string]map[string]uint64{}, drifted: map[string]bool{}, news: map[string]int{}, latest: map[types.UID]string{},
	}
}

func add(sets map[string]map[string]bool, key, id string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][id] = true
}

// declares notes what a mapping declares from now on. Under Orphan, and at a deletion while suspended, all
// that it ever declared and does no longer may stay as it stands. The revision is that of the change.
func (b *book) declares(mapping *v1alpha1.AgentGroupMapping, revision uint64) {
	agent := mapping.Spec.AgentID
	news := fmt.Sprint(mapping.Generation, mapping.DeletionTimestamp != nil, mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation])
	if b.latest[mapping.UID] != news {
		b.latest[mapping.UID] = news
		b.news[agent]++
	}
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
			b.loosen(agent, id, revision)
		}
	}
}

func (b *book) loosen(agent, id string, revision uint64) {
	for _, place := range []string{here, there} {
		b.loosenAt(place, agent, id, revision)
	}
}

func (b *book) loosenAt(place, agent, id string, revision uint64) {
	key := place + " " + agent
	if b.loose[key] == nil {
		b.loose[key] = map[string]uint64{}
	}
	b.loose[key][id] = max(b.loose[key][id], revision)
}

// moves notes that an account leaves a DeepCall: nobody tells that one any more what is to be stopped. Nor does
// anybody know at the other one what was left there before.
func (b *book) moves(account string, revision uint64) {
	for agent, of := range castAgents {
		if of != account {
			continue
		}
		b.news[agent]++
		for id := range b.everAgent[agent] {
			b.loosen(agent, id, revision)
		}
	}
}

// looseAt are an agent's groups at a place that may stand there as they do: those that no mapping holds there since.
func (b *book) looseAt(place, url, agent string, versions []version) map[string]bool {
	loose := maps.Clone(b.loose[place+" "+agent])
	for _, v := range versions {
		m := v.mapping
		if m == nil || v.gone || m.Spec.AgentID != agent || m.Status.AppliedEndpoint != url || !stopsItsGroups(m) {
			continue
		}
		declared, at := declaredBy(m), revision(v)
		for _, group := range m.Status.AppliedGroups {
			if id := group.GroupID; declared[id] == receives(group) && loose[id] < at {
				delete(loose, id)
			}
		}
	}
	return asSet(loose)
}

// stopsItsGroups is true for a version of a mapping that nobody can take away without what it applied being stopped.
func stopsItsGroups(m *v1alpha1.AgentGroupMapping) bool {
	return m.DeletionTimestamp == nil && m.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan &&
		slices.Contains(m.Finalizers, v1alpha1.StopCallsFinalizer)
}

func asSet(revisions map[string]uint64) map[string]bool {
	set := map[string]bool{}
	for id := range revisions {
		set[id] = true
	}
	return set
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
			b.loosen(m.Spec.AgentID, id, revision(v))
		}
	}
	return vanished
}
