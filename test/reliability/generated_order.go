package reliability

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// wentBack holds I4 as [world.wentBack] does, with two reservations. A call that finds out whose fault a refusal is
// may leave out a group that is to be stopped: of such a group it says what was said last. And what DeepCall
// accepted without the manager writing that down, since the answer was lost or the process died, is not
// applied as far as anybody knows: until it is tried again, others' calls carry what was before (R3).
func (p *stage) wentBack() []string {
	var broken []string
	all, effects := p.w.generations(), p.w.ledger.look()
	for _, server := range p.deepCalls {
		for _, g := range all {
			groups, said, at := exclusive(g, all), map[string]string{}, 0
			for _, call := range inAppliedOrder(server, g.agent) {
				maps.Copy(said, call.Groups)
				if !slices.ContainsFunc(keysOf(call.Groups), func(id string) bool { return groups[id] }) {
					continue
				}
				next := at
				for next < len(g.declared) && !g.saidBy(next, call.Groups, groups) && !g.saidBy(next, said, groups) {
					next++
				}
				if next == len(g.declared) {
					broken = append(broken, fmt.Sprintf("I4: %s: DeepCall accepted %s for agent %s after a newer generation (generations: %v)",
						g.name, inWords(call.Groups), g.agent, g.declared[at:]))
					break
				}
				if p.writtenDown(g.name, call, effects) {
					at = next
				}
			}
		}
	}
	return broken
}

func inAppliedOrder(server *deepcalltest.Server, agent string) []deepcalltest.Call {
	calls := slices.DeleteFunc(server.CallsFor(agent), func(c deepcalltest.Call) bool { return !c.Applied })
	slices.SortFunc(calls, func(a, b deepcalltest.Call) int { return cmp.Compare(a.Order, b.Order) })
	return calls
}

// writtenDown is true when the process that made a call learned of its success, and wrote the mapping's status
// afterwards. The call is the last one for its agent that left before it came in.
func (p *stage) writtenDown(mapping string, call deepcalltest.Call, effects []effect) bool {
	came, made := call.Start.Sub(p.w.ledger.began), -1
	for i, e := range effects {
		if e.call && e.agent == call.Agent && e.at <= came {
			made = i
		}
	}
	if made < 0 || !effects[made].accepted {
		return false
	}
	return slices.ContainsFunc(effects[made:], func(e effect) bool {
		return e.process == effects[made].process && strings.HasSuffix(e.what, "agentgroupmappings/"+mapping+"/status") &&
			strings.HasPrefix(e.outcome, "200")
	})
}
