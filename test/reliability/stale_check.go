package reliability

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// checkStale is check for a run in which only a view was stale. It holds I2 closer, and I3 more exactly.
func (w *world) checkStale(e ending, calls map[string]int) []string {
	w.t.Helper()
	var broken []string
	for _, problem := range w.check(e, calls) {
		if !strings.HasPrefix(problem, "I3:") { // of writes as they leave
			broken = append(broken, problem)
		}
	}
	broken = append(broken, w.tooManyRepeats(calls)...)
	return append(broken, w.wroteReadyTooEarly()...)
}

// tooManyRepeats holds I2: a stale view costs no call. Own writes are remembered, so that a process repeats
// none, and a new process compares what it calls for with the API server. It may repeat one call, the
// last one of an agent, if the process before died before it could write what came of that.
func (w *world) tooManyRepeats(atMost map[string]int) []string {
	agents := map[string]string{} // by mapping
	for _, v := range w.history.look() {
		if v.mapping != nil {
			agents[v.mapping.Name] = v.mapping.Spec.AgentID
		}
	}
	made, open := map[string]int{}, map[string]int{}
	for _, e := range w.ledger.look() {
		name, of := strings.CutPrefix(strings.TrimSuffix(e.what, "/status"), "update agentgroupmappings/")
		if !of {
			name, of = strings.CutPrefix(e.what, "patch agentgroupmappings/")
		}
		switch {
		case e.call && e.agent != "":
			made[e.agent]++
			if w.crashedBefore() && e.process == 1 {
				open[e.agent] = 1
			}
		case of && e.process == 1 && landed(e):
			open[agents[name]] = 0
		}
	}
	var broken []string
	for agent, n := range made {
		if most := atMost[agent] + open[agent]; n > most {
			broken = append(broken, fmt.Sprintf("I2: %d calls for agent %s instead of at most %d, although only a view was stale", n, agent, most))
		}
	}
	return broken
}

func landed(e effect) bool { return strings.HasPrefix(e.outcome, "200") }

// wroteReadyTooEarly holds I3 for the statuses that were written. One that the API server refuses, since it
// comes from a stale view, says nothing. The n-th new status of a mapping is of the n-th write that landed.
func (w *world) wroteReadyTooEarly() []string {
	effects := w.ledger.look()
	writes := map[string][]int{} // positions among the effects
	for i, e := range effects {
		if name, of := strings.CutPrefix(e.what, "update agentgroupmappings/"); of && landed(e) {
			name = strings.TrimSuffix(name, "/status")
			writes[name] = append(writes[name], i)
		}
	}
	var broken []string
	last := map[types.UID]*v1alpha1.AgentGroupMapping{}
	for _, v := range w.history.look() {
		if v.mapping == nil {
			continue
		}
		before := last[v.mapping.UID]
		last[v.mapping.UID] = v.mapping
		if before == nil || equality.Semantic.DeepEqual(before.Status, v.mapping.Status) {
			continue
		}
		if len(writes[v.mapping.Name]) == 0 {
			broken = append(broken, fmt.Sprintf("the test itself: nobody wrote the status of %s", client.ObjectKeyFromObject(v.mapping)))
			continue
		}
		at := writes[v.mapping.Name][0]
		writes[v.mapping.Name] = writes[v.mapping.Name][1:]
		if problem := readyTooEarly(v.mapping, effects[:at]); problem != "" {
			broken = append(broken, "I3: "+problem)
		}
	}
	return broken
}
