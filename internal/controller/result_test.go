package controller

import (
	"slices"
	"testing"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/deepcall/deepcall-operator/internal/account"
)

// Agents that wait for their next resync, and are woken with all others of their account, must not stand before an edit.
// Nor may a resync under way.
func TestAnEditGoesBeforeResyncsAndAgentsThatAreWokenWhileTheyWait(t *testing.T) {
	now := clock.RealClock{}.Now()
	v := &view{now: now, members: []*member{{wakeAt: now.Add(time.Hour)}}}
	waits := v.result()
	if waits.RequeueAfter != time.Hour {
		t.Errorf("it is looked at again after %s", waits.RequeueAfter)
	}

	queue := priorityqueue.New[AgentKey]("test")
	defer queue.ShutDown()
	agents := &waker[AgentKey]{queue: queue, ready: make(chan struct{})}
	close(agents.ready)
	for _, agent := range []string{"1", "2", "3"} {
		queue.AddWithOpts(priorityqueue.AddOpts{After: waits.RequeueAfter, Priority: waits.Priority}, AgentKey{Agent: agent})
		agents.wake(AgentKey{Agent: agent}, look)
	}
	agents.wake(AgentKey{Agent: "resynced"}, urgencyOf(account.Resync))
	agents.wake(AgentKey{Agent: "edited"}, urgencyOf(account.Edit))
	agents.wake(AgentKey{Agent: "retried"}, urgencyOf(account.Retry))
	agents.wake(AgentKey{Agent: "edited"}, look) // it loses nothing by that
	var order []string
	for range 4 {
		key, _, _ := queue.GetWithPriority()
		order = append(order, key.Agent)
	}
	if want := []string{"edited", "retried", "resynced", "1"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
}

// A look in vain is made up for at the end of the call: an edit during a resync must not wait behind other resyncs.
func TestACallTellsAtItsEndWhetherTheAgentWasLookedAtMeanwhile(t *testing.T) {
	m, asha, ravi := newMemory(), AgentKey{Agent: "7"}, AgentKey{Agent: "8"}
	if m.busy(asha) {
		t.Error("an agent is busy without a call")
	}
	m.begin(asha)
	m.begin(ravi)
	if !m.busy(asha) {
		t.Error("an agent is not busy during its call")
	}
	if !m.end(asha, outcome{}) {
		t.Error("the look during the call is forgotten")
	}
	if m.end(ravi, outcome{}) {
		t.Error("a look is told that was none")
	}
	m.begin(asha)
	if m.end(asha, outcome{}) {
		t.Error("the look during the call before counts for this one")
	}
}
