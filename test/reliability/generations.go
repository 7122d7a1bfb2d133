package reliability

import (
	"cmp"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// generations are what the mappings of one name declared, one after the other, and which agent of which
// account it is for. Nothing was declared before the first.
type generations struct {
	key      client.ObjectKey
	name     string
	agent    string
	declared []map[string]string
}

// wentBack holds I4: of each mapping, the requests that a DeepCall accepted follow its generations in
// their order. That is for groups that no other mapping of the agent ever declared. A request that holds none of
// them says nothing of the mapping. Groups that change hands are held to what anybody declared of them, one by one,
// unless an answer was lost: what the former owner applied, to the manager's knowledge, is kept until the next
// owner's own call, also if it is stopped by then.
func (w *world) wentBack() []string {
	var broken []string
	all, moments := w.generations(), w.declarations()
	for _, server := range w.deepCalls() {
		for _, g := range all {
			if problem := outOfOrder(g, exclusive(g, all), accepted(server, g.agent)); problem != "" {
				broken = append(broken, "I4: "+problem)
			}
		}
		if w.mishaps() > 0 {
			continue
		}
		for agent, declared := range moments {
			for _, problem := range inTurn(declared, accepted(server, agent)) {
				broken = append(broken, "I4: agent "+agent+", "+problem)
			}
		}
	}
	return broken
}

func (w *world) generations() []*generations {
	byName := map[client.ObjectKey]*generations{}
	var all []*generations
	for _, v := range w.history.look() {
		if v.mapping == nil {
			continue
		}
		key := client.ObjectKeyFromObject(v.mapping)
		g := byName[key]
		if g == nil {
			g = &generations{key: key, name: key.Name, agent: v.mapping.Spec.AgentID, declared: []map[string]string{{}}}
			byName[key] = g
			all = append(all, g)
		}
		declared := declaredBy(v.mapping)
		if v.gone {
			declared = map[string]string{}
		}
		if last := g.declared[len(g.declared)-1]; !includes(last, declared) || !includes(declared, last) {
			g.declared = append(g.declared, declared)
		}
	}
	return all
}

// generationsOf are those of a mapping's name.
func generationsOf(mapping *v1alpha1.AgentGroupMapping, all []*generations) *generations {
	return all[slices.IndexFunc(all, func(g *generations) bool { return g.key == client.ObjectKeyFromObject(mapping) })]
}

// exclusive are the groups of a mapping that no other mapping of the agent ever declared.
func exclusive(g *generations, all []*generations) map[string]bool {
	groups := map[string]bool{}
	for _, declared := range g.declared {
		for id := range declared {
			groups[id] = true
		}
	}
	for _, other := range all {
		if other == g || other.agent != g.agent {
			continue
		}
		for _, declared := range other.declared {
			for id := range declared {
				delete(groups, id)
			}
		}
	}
	return groups
}

// accepted are the groups of the requests that a DeepCall applied for an agent, in that order.
func accepted(server *deepcalltest.Server, agent string) []map[string]string {
	calls := slices.DeleteFunc(server.CallsFor(agent), func(c deepcalltest.Call) bool { return !c.Applied })
	slices.SortFunc(calls, func(a, b deepcalltest.Call) int { return cmp.Compare(a.Order, b.Order) })
	groups := make([]map[string]string, len(calls))
	for i, call := range calls {
		groups[i] = call.Groups
	}
	return groups
}

// outOfOrder finds a request that fits no generation from the one that the request before fitted.
func outOfOrder(g *generations, groups map[string]bool, requests []map[string]string) string {
	at := 0
	for _, request := range requests {
		if !slices.ContainsFunc(keysOf(request), func(id string) bool { return groups[id] }) {
			continue
		}
		for at < len(g.declared) && !g.saidBy(at, request, groups) {
			at++
		}
		if at == len(g.declared) {
			return fmt.Sprintf("%s: DeepCall accepted %s for agent %s after a newer generation (generations: %v)",
				g.name, inWords(request), g.agent, g.declared)
		}
	}
	return ""
}

// saidBy is true when a request may be made for a generation: it fits, and stops nothing that no
// generation up to then declared.
func (g *generations) saidBy(generation int, request map[string]string, groups map[string]bool) bool {
	for id := range request {
		known := slices.ContainsFunc(g.declared[:generation+1], func(declared map[string]string) bool { return declared[id] != "" })
		if groups[id] && !known {
			return false
		}
	}
	return fits(request, g.declared[generation], groups)
}

// fits is true when a request says what a generation declares, and stops the rest.
func fits(request, declared map[string]string, groups map[string]bool) bool {
	for id := range groups {
		said, is := request[id]
		wants, declares := declared[id]
		if declares && said != wants || !declares && is && said != "N" {
			return false
		}
	}
	return true
}

func keysOf(groups map[string]string) []string {
	keys := make([]string, 0, len(groups))
	for id := range groups {
		keys = append(keys, id)
	}
	return keys
}

// deepCalls are the world's DeepCalls.
func (w *world) deepCalls() []*deepcalltest.Server {
	if w.other == nil {
		return []*deepcalltest.Server{w.deepcall}
	}
	return []*deepcalltest.Server{w.deepcall, w.other}
}
