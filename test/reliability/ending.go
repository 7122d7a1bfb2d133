package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// ending is what a scenario declares: what must be, once all has come to rest.
type ending struct {
	// holds are the declared groups in DeepCall, by agent: "90=Y 91=N". Any other group of an agent
	// must be "N" or absent.
	holds map[string]string
	// left are groups that nobody declares any more, and that Orphan leaves as they are, by agent. DeepCall
	// holds them, or not, if it reads a request as the whole.
	left map[string]string
	// mappings are how they stand: "Ready=True Synced". Those not named must be gone.
	mappings map[string]string
	// accounts are how they stand; those not named must be gone.
	accounts map[string]string
	// elsewhere is true when the groups are those of the world's other DeepCall.
	elsewhere bool
}

const (
	readySynced = "Ready=True Synced"
	readyUsable = "Ready=True Usable"
)

// one is the ending in which a mapping of agent 7 and its account are well.
func one(mapping, holds string) ending {
	return ending{
		holds:    map[string]string{"7": holds},
		mappings: map[string]string{mapping: readySynced},
		accounts: map[string]string{"acme": readyUsable},
	}
}

// missing says what is not yet as the ending declares (I1, I7).
func (w *world) missing(e ending) string {
	var missing []string
	server := w.deepcall
	if e.elsewhere {
		server = w.other
	}
	for agent, held := range server.Agents() {
		missing = append(missing, wrongGroups(agent, held, parse(e.holds[agent]), parse(e.left[agent]))...)
	}
	for agent := range e.holds {
		if server.Agent(agent) == nil {
			missing = append(missing, "I1: DeepCall knows nothing of agent "+agent)
		}
	}
	missing = append(missing, w.missingMappings(e)...)
	missing = append(missing, w.missingAccounts(e)...)
	slices.Sort(missing)
	return strings.Join(missing, "; ")
}

func wrongGroups(agent string, held, declared, left map[string]string) []string {
	var wrong []string
	for id, receives := range declared {
		if held[id] != receives {
			wrong = append(wrong, fmt.Sprintf("I1: agent %s, group %s is %q instead of %q", agent, id, held[id], receives))
		}
	}
	for id, receives := range held {
		if _, is := declared[id]; !is && receives != "N" && left[id] != receives {
			wrong = append(wrong, fmt.Sprintf("I1: agent %s, group %s is %q although nobody declares it", agent, id, receives))
		}
	}
	return wrong
}

func (w *world) missingMappings(e ending) []string {
	var missing []string
	expected := map[string]bool{}
	present := w.history.mappings()
	for name, description := range e.mappings {
		key := w.key(name)
		expected[key.String()] = true
		mapping := present[key]
		switch {
		case mapping == nil:
			missing = append(missing, "I1: the mapping "+name+" does not exist")
		case standing(mapping) != description:
			missing = append(missing, fmt.Sprintf("I1: the mapping %s is %s instead of %s", name, standing(mapping), description))
		}
	}
	for key, mapping := range present {
		if !expected[key.String()] {
			missing = append(missing, fmt.Sprintf("I7: the mapping %s is still there: %s", key.Name, standing(mapping)))
		}
	}
	return missing
}

func (w *world) missingAccounts(e ending) []string {
	var missing []string
	expected := map[string]bool{}
	present := w.history.accounts()
	for name, description := range e.accounts {
		key := w.key(name)
		expected[key.String()] = true
		account := present[key]
		switch {
		case account == nil:
			missing = append(missing, "I1: the account "+name+" does not exist")
		case w.forgotten(account) && description == readyUsable:
		case accountStanding(account) != description:
			missing = append(missing, fmt.Sprintf("I1: the account %s is %s instead of %s", name, accountStanding(account), description))
		case int(account.Status.Mappings) != w.users(account):
			missing = append(missing, fmt.Sprintf("I1: the account %s counts %d mappings instead of %d",
				name, account.Status.Mappings, w.users(account)))
		}
	}
	for key := range present {
		if !expected[key.String()] {
			missing = append(missing, "I7: the account "+key.Name+" is still there")
		}
	}
	return missing
}

// forgotten is true for an account whose first success died with the process, before its status told it. An
// account that no process has tried, as far as is written down, is Ready=True, Untried (R10): a
// mapping's status does not tell with which credentials it was confirmed.
func (w *world) forgotten(account *v1alpha1.DeepCallAccount) bool {
	return w.crashedBefore() && accountStanding(account) == "Ready=True Untried" && int(account.Status.Mappings) == w.users(account)
}

func accountStanding(account *v1alpha1.DeepCallAccount) string {
	if account.Status.ObservedGeneration != account.Generation {
		return "pending"
	}
	return conditions(account.Generation, account.Status.Conditions)
}

// users is how many mappings use an account.
func (w *world) users(account *v1alpha1.DeepCallAccount) int {
	n := 0
	for _, mapping := range w.history.mappings() {
		if strings.HasPrefix(agentKey(mapping), account.Namespace+"/"+account.Name+"/") {
			n++
		}
	}
	return n
}

// parse reads "90=Y 91=N".
func parse(words string) map[string]string {
	groups := map[string]string{}
	for _, word := range strings.Fields(words) {
		id, receives, _ := strings.Cut(word, "=")
		groups[id] = receives
	}
	return groups
}

// declaredBy is what a version of a mapping declares.
func declaredBy(mapping *v1alpha1.AgentGroupMapping) map[string]string {
	groups := map[string]string{}
	if mapping.DeletionTimestamp != nil {
		return groups
	}
	for _, group := range mapping.Spec.Groups {
		groups[group.GroupID] = map[bool]string{true: "Y", false: "N"}[group.ReceiveCall]
	}
	return groups
}

// includes is true when all holds each of some.
func includes(all, some map[string]string) bool {
	return !slices.ContainsFunc(slices.Collect(maps.Keys(some)), func(id string) bool { return all[id] != some[id] })
}
