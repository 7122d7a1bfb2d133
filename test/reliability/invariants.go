package reliability

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// check brings the world to rest, and returns every invariant that does not hold. Calls is how many
// calls for each agent the run takes at most when nothing goes wrong.
//
//	I1  With spec, credentials and endpoint stable, DeepCall comes to what is declared, stays there,
//	    and Ready says so.
//	I2  Calls per (agent, generation, credentials) are at most 1 + crashes + lost answers + retries.
//	I3  Ready is never written for a generation without an accepted 200 for it.
//	I4  An older generation is never accepted after a newer one.
//	I5  A group of an agent has one owner.
//	I6  An agent has at most one call in flight, as its client sees it. A dead process has no clients.
//	I7  Deletion ends.
//	I8  No credential is in any object, event or log.
//	I9  After that there is quiet, also after a restart: no calls, no writes.
//
// Most of I3, I6, and the finalizer of I7, are judged by the ledger, at the moment.
func (w *world) check(e ending, calls map[string]int) []string {
	w.t.Helper()
	var broken []string
	if missing := w.comeToRest(e); missing != "" {
		broken = append(broken, missing)
	} else {
		broken = append(broken, w.restless(e)...)
	}
	broken = append(broken, w.tooManyCalls(calls)...)
	broken = append(broken, w.wentBack()...)
	broken = append(broken, w.twoOwners()...)
	broken = append(broken, w.missingStops()...)
	broken = append(broken, revealed(w.sinks(), []string{userID, token, nextToken})...)
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return append(broken, w.ledger.violations...)
}

// comeToRest waits until all is as declared and quiet, and returns what is still missing when patience ends.
func (w *world) comeToRest(e ending) string {
	w.t.Helper()
	end := time.Now().Add(patience)
	for {
		missing := w.wait(func() string { return w.missing(e) })
		w.untilQuiet()
		// What looked as declared may have been from before the last edit, of which the watch did not tell yet.
		if missing != "" || w.missing(e) == "" || time.Now().After(end) {
			return missing
		}
	}
}

// restless lets the manager sit for longer than a first back-off, so that a retry of what is done is seen, and
// restarts it. It tells what it did although there was nothing to do (I9), and what is no longer as it was (I1).
func (w *world) restless(e ending) []string {
	w.t.Helper()
	w.ledger.disarm()
	before := len(w.ledger.look())
	w.untilQuietFor(firstRetry + quietAfter)
	w.restart()
	w.untilQuiet()
	var broken []string
	for _, done := range w.ledger.look()[before:] {
		broken = append(broken, "I9: after all was done, perhaps after a restart: "+done.String())
	}
	if missing := w.missing(e); missing != "" {
		broken = append(broken, "it did not stay so: "+missing)
	}
	return broken
}

// tooManyCalls holds I2 as a sum over the generations of an agent's mappings: a crash, a lost answer or
// a failed call may cost one more call for each mapping of the agent, since of a hand-over both sides
// can be in doubt. A write that fails costs none (R15).
func (w *world) tooManyCalls(atMost map[string]int) []string {
	made, mappings := map[string]int{}, map[string]map[string]bool{}
	for _, e := range w.ledger.look() {
		if e.call && e.agent != "" {
			made[e.agent]++
		}
	}
	for _, v := range w.history.look() {
		if v.mapping != nil {
			agent := v.mapping.Spec.AgentID
			if mappings[agent] == nil {
				mappings[agent] = map[string]bool{}
			}
			mappings[agent][string(v.mapping.UID)] = true
		}
	}
	mishaps := w.mishaps()
	var broken []string
	for agent, n := range made {
		if most := atMost[agent] + mishaps*len(mappings[agent]); n > most {
			broken = append(broken, fmt.Sprintf("I2: %d calls for agent %s instead of at most %d", n, agent, most))
		}
	}
	return broken
}

// notHeld holds a part of I7 for a status that is about to be written: a generation that is Ready, and is to be
// stopped at its deletion, has the finalizer by then.
func notHeld(mapping *v1alpha1.AgentGroupMapping) string {
	stops := mapping.Spec.RemovalPolicy == v1alpha1.RemovalPolicyStopCalls && mapping.DeletionTimestamp.IsZero()
	if !readyNow(mapping) || !stops || len(mapping.Status.AppliedGroups) == 0 || slices.Contains(mapping.Finalizers, v1alpha1.StopCallsFinalizer) {
		return ""
	}
	return fmt.Sprintf("%s is Ready for generation %d, and nothing holds it at its deletion", mapping.Name, mapping.Generation)
}

// twoOwners holds I5: at no moment are two mappings of an agent Ready with the same group, and in
// the end no two have it applied.
func (w *world) twoOwners() []string {
	var broken []string
	current := map[string]*v1alpha1.AgentGroupMapping{}
	for _, v := range w.history.look() {
		if v.mapping == nil {
			continue
		}
		key := client.ObjectKeyFromObject(v.mapping).String()
		delete(current, key)
		if !v.gone {
			current[key] = v.mapping
		}
		owners := map[string]string{}
		for name, mapping := range current {
			if !strings.HasPrefix(standing(mapping), "Ready=True") {
				continue
			}
			for id := range declaredBy(mapping) {
				group := agentKey(mapping) + " " + id
				if other := owners[group]; other != "" {
					broken = append(broken, fmt.Sprintf("I5: %s and %s are both Ready with group %s", name, other, id))
				}
				owners[group] = name
			}
		}
	}
	owners := map[string]string{}
	for name, mapping := range current {
		for _, applied := range mapping.Status.AppliedGroups {
			group := agentKey(mapping) + " " + applied.GroupID
			if other := owners[group]; other != "" {
				broken = append(broken, fmt.Sprintf("I5: %s and %s both have group %s applied", name, other, applied.GroupID))
			}
			owners[group] = name
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}
