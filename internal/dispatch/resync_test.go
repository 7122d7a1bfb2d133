package dispatch

import (
	"fmt"
	"testing"
	"time"
)

func TestResyncsLeaveRoomForOthers(t *testing.T) {
	four := Limits{RequestsPerSecond: 1000, Burst: 1000, MaxInFlight: 4}
	for kind, resync := range map[string]Ask{"periodic": {Priority: PeriodicResync}, "requested": {Priority: RequestedResync}} {
		runInFakeTime(t, kind+" resyncs take half of MaxInFlight, and edits get the rest at once", func(t *testing.T) {
			h := newHarness(t, four, always(success.in(time.Second)))
			h.send("0", edit)
			for n := range 10 {
				h.acquire(fmt.Sprint(n), resync)
			}
			expect(t, "permits", len(h.accounts[acme].permits), 2)
			h.launch("edit1", edit)
			h.launch("edit2", edit)
			expect(t, "permit of a third edit", h.acquire("edit3", edit), nil)
			elapse(time.Second)
		})

		withUsableHarness(t, kind+" resyncs hold their permits until their results are written", four, success, func(t *testing.T, h *harness) {
			for n := range 4 {
				h.acquire(fmt.Sprint(n), resync)
			}
			h.takeEnqueued()
			h.send("0", resync)
			h.send("1", resync)
			expect(t, "enqueued when their requests have ended", h.takeEnqueued(), "0 1")
			h.launch("edit", edit)
			expect(t, "enqueued when an edit has ended", h.takeEnqueued(), "edit")
			h.release("0")
			expect(t, "enqueued when one result is written", h.takeEnqueued(), "2")
			h.release("1")
			expect(t, "enqueued when the other result is written", h.takeEnqueued(), "3")
		})

		withHarness(t, kind+" resyncs get another permit at once after their request has ended", serial, success, func(t *testing.T, h *harness) {
			for range 3 {
				h.send("0", resync)
			}
			expect(t, "requests", h.agentIDs(), "0 0 0")
		})

		withUsableHarness(t, kind+" resyncs don't count once the agent has an edit", four, success.in(time.Second), func(t *testing.T, h *harness) {
			for n := range 3 {
				h.acquire(fmt.Sprint(n), resync)
			}
			h.takeEnqueued()
			expect(t, "started", h.start(h.acquire("0", edit)), true)
			expect(t, "enqueued instead", h.takeEnqueued(), "2")
		})
	}

	withUsableHarness(t, "both kinds share half of MaxInFlight, requested ones first", four, success, func(t *testing.T, h *harness) {
		h.acquire("periodic1", Ask{Priority: PeriodicResync})
		h.acquire("requested1", Ask{Priority: RequestedResync})
		h.acquire("periodic2", Ask{Priority: PeriodicResync})
		h.acquire("requested2", Ask{Priority: RequestedResync})
		expect(t, "permits", len(h.accounts[acme].permits), 2)
		h.takeEnqueued()
		h.release("periodic1")
		expect(t, "enqueued first", h.takeEnqueued(), "requested2")
		h.release("requested1")
		expect(t, "enqueued next", h.takeEnqueued(), "periodic2")
	})
}
