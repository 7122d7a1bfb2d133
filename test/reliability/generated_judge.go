package reliability

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// judge brings the story to its end, and returns every invariant that does not hold.
func (p *stage) judge() []string {
	p.comeToRest()
	broken := p.differs()
	broken = append(broken, p.restless()...)
	broken = append(broken, p.tooManyCalls()...)
	broken = append(broken, p.wentBack()...)
	p.inOrder()
	broken = append(broken, p.w.twoOwners()...)
	broken = append(broken, revealed(p.w.sinks(), p.secrets)...)
	p.w.ledger.mu.Lock()
	defer p.w.ledger.mu.Unlock()
	return append(broken, p.w.ledger.violations...)
}

// restless holds I9: what happens once all is done, and after a restart.
func (p *stage) restless() []string {
	p.w.untilQuiet()
	before := len(p.w.ledger.look())
	p.w.restart()
	p.w.untilQuiet()
	var broken []string
	for _, done := range p.w.ledger.look()[before:] {
		broken = append(broken, "I9: after all was done, and a restart: "+done.String())
	}
	if missing := p.missing(false); missing != "" {
		broken = append(broken, "it did not stay so: "+missing)
	}
	return broken
}

// inOrder sorts the history as the API server did things: several watches told it, one for each namespace.
func (p *stage) inOrder() {
	h := p.w.history
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.SortStableFunc(h.versions, func(a, b version) int { return cmp.Compare(revision(a), revision(b)) })
}

func revision(v version) uint64 {
	n, err := strconv.ParseUint(v.object().GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// tooManyCalls holds I2: whatever is news for an agent takes one call for each of its mappings at most, since
// one that lets go has others take over. A crash or a lost answer takes another for each, and each call that did not
// succeed its repetition. One that was refused takes the calls besides that find out whose fault it is, or what
// is left to stop.
func (p *stage) tooManyCalls() []string {
	made, failed, sought := map[string]int{}, map[string]int{}, map[string]int{}
	mappings := p.everMapped()
	for _, server := range p.deepCalls {
		for _, call := range server.Calls() {
			made[call.Agent]++
			if call.Code != 200 || call.Fault != "" || call.ClientGone {
				failed[call.Agent]++
			}
			if call.Code == 1505 {
				sought[call.Agent] += 1 + mappings[call.Agent] + len(stopsIn(call))
			}
		}
	}
	p.w.mu.Lock()
	p.w.ledger.mu.Lock()
	mishaps := p.w.crashes + p.w.ledger.callStrike
	p.w.ledger.mu.Unlock()
	p.w.mu.Unlock()
	var broken []string
	for agent, n := range made {
		if most := mappings[agent]*(p.book.news[agent]+mishaps) + failed[agent] + sought[agent]; n > most {
			broken = append(broken, fmt.Sprintf("I2: %d calls for agent %s instead of at most %d (%d news of %d mappings, %d mishaps, %d failed, %d to find out why)",
				n, agent, most, p.book.news[agent], mappings[agent], mishaps, failed[agent], sought[agent]))
		}
	}
	return broken
}

// everMapped counts the mappings that each agent ever had, by their names.
func (p *stage) everMapped() map[string]int {
	counts, seen := map[string]int{}, map[client.ObjectKey]bool{}
	for _, v := range p.w.history.look() {
		if v.mapping == nil || seen[client.ObjectKeyFromObject(v.mapping)] {
			continue
		}
		seen[client.ObjectKeyFromObject(v.mapping)] = true
		counts[v.mapping.Spec.AgentID]++
	}
	return counts
}

// stopsIn are the groups for which a call said N: among them are all that it was to stop.
func stopsIn(call deepcalltest.Call) []string {
	return slices.DeleteFunc(keysOf(call.Groups), func(id string) bool { return call.Groups[id] != "N" })
}

// memory is how all stood at some moment.
type memory struct {
	specs    map[string]v1alpha1.AgentGroupMappingSpec
	statuses map[string]string
	holds    map[string]map[string]string // by agent
}

// remember brings everything to rest, and notes how it stands. Stories do so
// without conflicts: after one, who comes first owns the group.
func (p *stage) remember() {
	p.comeToRest()
	m := &memory{specs: map[string]v1alpha1.AgentGroupMappingSpec{}, statuses: map[string]string{}, holds: map[string]map[string]string{}}
	for key, mapping := range p.w.history.mappings() {
		name := p.name(key)
		m.specs[name] = *mapping.Spec.DeepCopy()
		m.statuses[name] = p.stands(mapping)
	}
	for agent := range castAgents {
		m.holds[agent] = p.receiving(agent)
	}
	p.remembered = m
}

// stands is a status without its times, and without what DeepCall last said.
func (p *stage) stands(mapping *v1alpha1.AgentGroupMapping) string {
	s := mapping.Status
	return fmt.Sprintf("%s, %s, applied %v", standing(mapping), s.Receiving, s.AppliedGroups)
}

// receiving are an agent's groups in DeepCall but for those that are N and declared by nobody, or loose.
func (p *stage) receiving(agent string) map[string]string {
	held := p.server(agent).Agent(agent)
	declared := map[string]bool{}
	for _, mapping := range p.w.history.mappings() {
		if mapping.Spec.AgentID == agent {
			for id := range declaredBy(mapping) {
				declared[id] = true
			}
		}
	}
	loose := p.loose(agent)
	maps.DeleteFunc(held, func(id, value string) bool { return !declared[id] && (value == "N" || loose[id]) })
	return held
}

// revert takes everything back to what was remembered.
func (p *stage) revert() {
	if p.remembered == nil {
		return
	}
	p.heal()
	for _, r := range cast {
		spec, existed := p.remembered.specs[r.name]
		if !existed {
			p.delete(r.name)
			continue
		}
		if m := p.mapping(r.name); m != nil && m.DeletionTimestamp != nil {
			p.until(r.name+" is gone", func() string {
				if m := p.mapping(r.name); m != nil {
					return "I7: it is " + standing(m) + "\n" + p.describe()
				}
				return ""
			})
		}
		p.apply(r.name, spec)
	}
	p.reverted = true
}

// differs holds that there and back again is as if one had never been away.
func (p *stage) differs() []string {
	if !p.reverted {
		return nil
	}
	var broken []string
	present := map[string]string{}
	for key, mapping := range p.w.history.mappings() {
		present[p.name(key)] = p.stands(mapping)
	}
	for _, r := range cast {
		if was, is := p.remembered.statuses[r.name], present[r.name]; was != is {
			broken = append(broken, fmt.Sprintf("there and back again, %s is %q and was %q", r.name, is, was))
		}
	}
	for agent, was := range p.remembered.holds {
		if is := p.receiving(agent); !maps.Equal(was, is) {
			broken = append(broken, fmt.Sprintf("there and back again, agent %s has %q and had %q", agent, inWords(is), inWords(was)))
		}
	}
	return broken
}
