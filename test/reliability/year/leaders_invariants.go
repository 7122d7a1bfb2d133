package year

import (
	"fmt"
	"slices"
	"time"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// leaderStats are the totals of a run, or of several runs.
type leaderStats struct {
	Requests, Failovers int
	// RequestsStopped were stopped by the last check of the fence, when they were about to be sent.
	RequestsStopped int
	// LongPauses are those of a leader that exceed the duration of the lease.
	Pauses, LeaderPauses, LongPauses int
	LeaseDeletions, Kills, Shutdowns int

	// Violations: a request of an agent while another one is in flight (I6), the groups of an older generation accepted after
	// those of a newer one (I4), and a request beside or after those of the next leader.
	Overlaps, OlderAfterNewer, OutOfTerm int
}

func (s *leaderStats) add(other leaderStats) {
	s.Requests += other.Requests
	s.Failovers += other.Failovers
	s.RequestsStopped += other.RequestsStopped
	s.Pauses += other.Pauses
	s.LeaderPauses += other.LeaderPauses
	s.LongPauses += other.LongPauses
	s.LeaseDeletions += other.LeaseDeletions
	s.Kills += other.Kills
	s.Shutdowns += other.Shutdowns
	s.Overlaps += other.Overlaps
	s.OlderAfterNewer += other.OlderAfterNewer
	s.OutOfTerm += other.OutOfTerm
}

// checkCoverage checks that enough happened in the runs for their checks to mean something.
func (s *leaderStats) checkCoverage(runs int) error {
	if s.Requests < 50*runs || s.Failovers < 2*runs || s.LongPauses < runs || s.LeaseDeletions < runs || s.RequestsStopped == 0 {
		return fmt.Errorf("%d runs don't cover enough: %+v", runs, s)
	}
	return nil
}

// run runs the replicas and returns the violations.
func (e *leadersEnv) run() (violations []string) {
	e.start()
	e.disturb(5 * minute)
	if mapping := e.waitUntilSynced(); mapping != "" {
		violations = append(violations, "I1: "+mapping+" is not synced three minutes after the last edit")
	}
	e.close()
	e.checkRequests()
	for _, v := range []struct {
		n    int
		text string
	}{
		{e.stats.Overlaps, "I6: %d requests begin while another one of the agent is in flight"},
		{e.stats.OlderAfterNewer, "I4: %d older generations are accepted after newer ones"},
		{e.stats.OutOfTerm, "R14: %d requests are sent beside or after those of the next leader"},
	} {
		if v.n > 0 {
			violations = append(violations, fmt.Sprintf(v.text, v.n))
		}
	}
	return violations
}

// waitUntilSynced waits until DeepCall has the last edit of each agent and every mapping is Ready. It returns a mapping that is
// not synced within three minutes, in which all pauses end; empty if there is none.
func (e *leadersEnv) waitUntilSynced() (mapping string) {
	e.setSlow(false)
	for range 180 {
		if mapping = e.findUnsynced(); mapping == "" {
			return ""
		}
		e.advance(time.Second)
	}
	return mapping
}

func (e *leadersEnv) findUnsynced() string {
	var mappings v1alpha1.AgentGroupMappingList
	e.must(e.admin.List(e.t.Context(), &mappings))
	for i := range mappings.Items {
		m := &mappings.Items[i]
		declared := map[string]string{}
		for _, group := range m.Spec.Groups {
			declared[group.GroupID] = yesNo(group.ReceiveCall)
		}
		if !isReady(m) || decodeEdit(e.deepcall.Agent(m.Spec.AgentID)) != decodeEdit(declared) {
			return m.Name
		}
	}
	return ""
}

// checkRequests counts the violations.
func (e *leadersEnv) checkRequests() {
	e.stats.Requests = len(e.requests)
	e.checkOverlaps()
	e.checkOrder()
	e.checkTerms()
}

func (e *leadersEnv) checkOverlaps() {
	inFlight := map[string]time.Time{} // until then, by agent
	for _, request := range e.requests {
		if request.start.Before(inFlight[request.agent]) {
			e.stats.Overlaps++
		}
		if request.end.After(inFlight[request.agent]) {
			inFlight[request.agent] = request.end
		}
	}
}

func (e *leadersEnv) checkOrder() {
	accepted := slices.DeleteFunc(e.deepcall.Requests(), func(request deepcalltest.Request) bool { return !request.Applied })
	slices.SortFunc(accepted, func(a, b deepcalltest.Request) int { return a.Order - b.Order })
	newest := map[string]int{} // edit, by agent
	for _, request := range accepted {
		edit := decodeEdit(request.Groups)
		if edit < newest[request.Agent] {
			e.stats.OlderAfterNewer++
		}
		newest[request.Agent] = max(edit, newest[request.Agent])
	}
}

// checkTerms checks that the requests of each process begin after all requests of its predecessors have ended, and that none of
// theirs follows.
func (e *leadersEnv) checkTerms() {
	leader, former := "", map[string]bool{}
	var inFlight, lastEnd time.Time // inFlight is the end of the predecessors' requests
	for _, request := range e.requests {
		if request.replica != leader && !former[request.replica] {
			former[leader] = true
			leader, inFlight = request.replica, lastEnd
			e.stats.Failovers++
		}
		if request.replica != leader || request.start.Before(inFlight) {
			e.stats.OutOfTerm++
		}
		if request.end.After(lastEnd) {
			lastEnd = request.end
		}
	}
}
