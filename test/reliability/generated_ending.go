package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// comeToRest heals everything, and waits until all is as the specs declare. An agent that drifted is not
// asked for what DeepCall has before somebody requests a resync, which comes last.
func (p *stage) comeToRest() {
	p.heal()
	p.until("all is as declared, but for drift", func() string { return p.missing(true) })
	for agent := range p.book.drifted {
		for _, r := range cast {
			if m := p.mapping(r.name); r.agent == agent && m != nil && len(m.Status.AppliedGroups) > 0 {
				p.request(r.name) // one is enough: a request carries all groups of the agent
				break
			}
		}
	}
	p.until("all is as declared", func() string { return p.missing(false) })
	clear(p.book.drifted)
}

// missing says what is not yet as the specs declare. This is the model: for each group of an agent there is
// one owner among the mappings that declare it, which has it applied, and DeepCall holds its value. Who else
// declares it has a conflict, and all others are Ready. Whatever nobody declares is stopped or absent.
func (p *stage) missing(butForDrift bool) string {
	p.book.vanishes(p.w.history.look())
	p.misled()
	var missing []string
	byAgent := map[string]map[string]*v1alpha1.AgentGroupMapping{}
	for key, mapping := range p.w.history.mappings() {
		name := p.name(key)
		if revision(version{mapping: mapping}) < p.written[name] {
			missing = append(missing, "the watch of "+name+" lags behind")
		}
		if mapping.DeletionTimestamp != nil {
			missing = append(missing, "I7: the mapping "+name+" is still there: "+standing(mapping))
			continue
		}
		agent := mapping.Spec.AgentID
		if byAgent[agent] == nil {
			byAgent[agent] = map[string]*v1alpha1.AgentGroupMapping{}
		}
		byAgent[agent][name] = mapping
	}
	for agent := range castAgents {
		holds, wrong := owned(byAgent[agent])
		missing = append(missing, wrong...)
		if butForDrift && p.book.drifted[agent] {
			continue
		}
		held := p.server(agent).Agent(agent)
		loose := map[string]string{}
		for id := range p.loose(agent) {
			loose[id] = held[id]
		}
		missing = append(missing, wrongGroups(agent, held, holds, loose)...)
	}
	for _, name := range castAccounts {
		missing = append(missing, p.missingAccount(name)...)
	}
	slices.Sort(missing)
	return strings.Join(missing, "; ")
}

// owned is what DeepCall should hold for an agent's mappings, and what is wrong in their statuses.
func owned(mappings map[string]*v1alpha1.AgentGroupMapping) (holds map[string]string, wrong []string) {
	holds, owner := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(mappings)) {
		mapping := mappings[name]
		declared := declaredBy(mapping)
		for _, group := range mapping.Status.AppliedGroups {
			id, value := group.GroupID, receives(group)
			switch {
			case declared[id] != value:
				wrong = append(wrong, fmt.Sprintf("I1: %s has %s=%s applied, and declares %q", name, id, value, declared[id]))
			case owner[id] != "":
				wrong = append(wrong, fmt.Sprintf("I5: both %s and %s have %s applied", owner[id], name, id))
			}
			holds[id], owner[id] = value, name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mappings)) {
		wrong = append(wrong, wrongStatus(name, mappings[name], owner)...)
	}
	return holds, wrong
}

func wrongStatus(name string, mapping *v1alpha1.AgentGroupMapping, owner map[string]string) []string {
	var wrong []string
	expected := readySynced
	for id := range declaredBy(mapping) {
		switch {
		case owner[id] == "":
			wrong = append(wrong, fmt.Sprintf("I1: nobody has group %s applied, which %s declares", id, name))
		case owner[id] != name:
			expected = "Ready=False Conflict Stalled"
		}
	}
	if is := standing(mapping); is != expected {
		wrong = append(wrong, fmt.Sprintf("I1: the mapping %s is %s instead of %s", name, is, expected))
	}
	status := mapping.Status
	if asked := mapping.Annotations[v1alpha1.ReconcileRequestedAtAnnotation]; asked != status.LastHandledReconcileAt {
		wrong = append(wrong, fmt.Sprintf("I1: the request %s of %s is not handled, but %q", asked, name, status.LastHandledReconcileAt))
	}
	y := 0
	for _, group := range status.AppliedGroups {
		if group.ReceiveCall {
			y++
		}
	}
	if counted := fmt.Sprintf("%d/%d", y, len(status.AppliedGroups)); status.Receiving != counted {
		wrong = append(wrong, fmt.Sprintf("I1: %s receives %q instead of %q", name, status.Receiving, counted))
	}
	if status.Uncertain {
		wrong = append(wrong, "I1: "+name+" is uncertain")
	}
	finalizer := slices.Contains(mapping.Finalizers, v1alpha1.StopCallsFinalizer)
	stops := mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan
	if finalizer && !stops || !finalizer && stops && len(status.AppliedGroups) > 0 {
		wrong = append(wrong, fmt.Sprintf("R6: %s with %s has its finalizer: %v", name, mapping.Spec.RemovalPolicy, finalizer))
	}
	return wrong
}

// missingAccount says how an account is not well. One whose credentials changed last is untried until its next call.
func (p *stage) missingAccount(name string) []string {
	account := p.w.history.accounts()[p.w.key(name)]
	if account == nil {
		return []string{"I1: the account " + name + " does not exist"}
	}
	if is := accountStanding(account); is != readyUsable && is != "Ready=True Untried" {
		return []string{"I1: the account " + name + " is " + is}
	}
	if users := p.w.users(account); int(account.Status.Mappings) != users {
		return []string{fmt.Sprintf("I1: the account %s counts %d mappings instead of %d", name, account.Status.Mappings, users)}
	}
	return nil
}

func receives(group v1alpha1.AgentGroup) string {
	return map[bool]string{true: "Y", false: "N"}[group.ReceiveCall]
}

// describe is how all stands, for who must understand a failure.
func (p *stage) describe() string {
	var lines []string
	for key, m := range p.w.history.mappings() {
		lines = append(lines, fmt.Sprintf("  %s g%d %s declares %q, applied %v, deleted %v, finalizers %v, annotations %v",
			p.name(key), m.Generation, standing(m), inWords(declaredBy(m)), m.Status.AppliedGroups, m.DeletionTimestamp != nil,
			m.Finalizers, m.Annotations))
	}
	for key, a := range p.w.history.accounts() {
		lines = append(lines, fmt.Sprintf("  %s %s, deleted %v, finalizers %v", p.name(key), accountStanding(a), a.DeletionTimestamp != nil, a.Finalizers))
	}
	slices.Sort(lines)
	for agent := range castAgents {
		lines = append(lines, fmt.Sprintf("  DeepCall, agent %s: %s", agent, inWords(p.server(agent).Agent(agent))))
	}
	return strings.Join(lines, "\n")
}
