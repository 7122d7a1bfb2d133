package dispatch

import (
	"fmt"
	"testing"
	"time"
)

func TestResyncsLeaveRoomForOthers(t *testing.T) {
	four := Limits{RequestsPerSecond: 1000, Burst: 1000, MaxInFlight: 4}
	repeat := Want{Priority: Resync}

	scenario(t, "they take half of the calls in flight, and an edit goes at once", func(t *testing.T) {
		b := newBench(t, four, always(success.in(time.Second)))
		_ = b.now("0")
		for n := range 10 {
			b.Turn(fmt.Sprint(n), repeat)
		}
		expect(t, "with a turn", len(b.turns), 2)
		b.launch("edit1")
		b.launch("edit2")
		expect(t, "a third edit", b.Turn("edit3", Want{Priority: Edit}), nil)
		elapse(time.Second)
	})

	scenario(t, "the next goes once what came of one is written, not once it is answered", func(t *testing.T) {
		b := newBench(t, four, always(success))
		_ = b.now("0")
		for n := range 4 {
			b.Turn(fmt.Sprint(n), repeat)
		}
		for _, agent := range []string{"0", "1"} {
			_, _ = b.use(t, agent, repeat)
		}
		expect(t, "woken when they are answered", b.wakes(), "")
		b.launch("edit")
		b.Leave("0")
		expect(t, "woken when one is written", b.wakes(), "2")
		b.Leave("1")
		expect(t, "woken when the other is", b.wakes(), "3")
	})

	scenario(t, "an answered one may ask again at once", func(t *testing.T) {
		b := newBench(t, Limits{RequestsPerSecond: 1000, Burst: 1000, MaxInFlight: 1}, always(success))
		for range 3 {
			_, _ = b.use(t, "0", repeat)
		}
		expect(t, "calls", b.agents(), "0 0 0")
	})

	scenario(t, "one that became an edit does not count among them", func(t *testing.T) {
		b := newBench(t, four, always(success.in(time.Second)))
		_ = b.now("0")
		for n := range 3 {
			b.Turn(fmt.Sprint(n), repeat)
		}
		b.wakes()
		expect(t, "used", b.Turn("0", Want{Priority: Edit}).Use(), true)
		expect(t, "woken in its place", b.wakes(), "2")
	})
}
