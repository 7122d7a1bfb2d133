package reliability

import (
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mishaps are how often the manager may not know what DeepCall made of a call.
func (w *world) mishaps() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return w.crashes + w.ledger.callStrike
}

// declarations are, by agent, what all its mappings declared, one moment after the other.
func (w *world) declarations() map[string][][]map[string]string {
	moments := map[string][][]map[string]string{}
	current := map[string]map[client.ObjectKey]map[string]string{}
	for _, v := range w.history.look() {
		if v.mapping == nil {
			continue
		}
		agent, key := v.mapping.Spec.AgentID, client.ObjectKeyFromObject(v.mapping)
		if current[agent] == nil {
			current[agent] = map[client.ObjectKey]map[string]string{}
		}
		delete(current[agent], key)
		if !v.gone {
			current[agent][key] = declaredBy(v.mapping)
		}
		moments[agent] = append(moments[agent], slices.Collect(maps.Values(current[agent])))
	}
	return moments
}

// inTurn finds groups of which the accepted values do not follow the declarations: each is what some mapping
// declared, or "N" while none did, at the moment of the value before or later. Of two mappings that declare a group
// at the same time either may be right: who owns it is for I5.
func inTurn(moments [][]map[string]string, requests []map[string]string) []string {
	var broken []string
	at := map[string]int{}
	for _, request := range requests {
		for id, said := range request {
			for at[id] < len(moments) && !allows(moments[at[id]], id, said) {
				at[id]++
			}
			if at[id] == len(moments) {
				broken = append(broken, fmt.Sprintf("group %s: DeepCall accepted %s after something newer was declared", id, said))
			}
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

func allows(moment []map[string]string, id, said string) bool {
	declared := false
	for _, groups := range moment {
		if groups[id] == said {
			return true
		}
		declared = declared || groups[id] != ""
	}
	return !declared && said == "N"
}
