package controller

import (
	"testing"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// Agents that wait for their next resync, and are woken with all others of their account, must not stand before an edit.
func TestAnEditGoesBeforeAgentsThatAreWokenWhileTheyWait(t *testing.T) {
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
		agents.wakeLater(AgentKey{Agent: agent})
	}
	agents.wake(AgentKey{Agent: "edited"})
	first, priority, _ := queue.GetWithPriority()
	if first.Agent != "edited" || priority <= handler.LowPriority {
		t.Errorf("agent %s is first, with priority %d", first.Agent, priority)
	}
}
