package dispatch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// drain takes everything out of a queue, in order.
func drain(q *queue, removalsOnly bool) string {
	var order []string
	for {
		agent, found := q.first(removalsOnly)
		if !found {
			return strings.Join(order, " ")
		}
		order = append(order, agent)
		q.remove(agent)
	}
}

func TestWhoWaitsComesInOrder(t *testing.T) {
	type ask struct {
		agent string
		want  Want
	}
	edit, again, resync := Want{Priority: Edit}, Want{Priority: Retry}, Want{Priority: Resync}
	removal := Want{Priority: Retry, Removal: true}
	for _, tc := range []struct {
		name         string
		asks         []ask
		removalsOnly bool
		want         string
	}{
		{"nobody when nobody waits", nil, false, ""},
		{"an edit before a retry before a resync", []ask{{"a", resync}, {"b", again}, {"c", edit}}, false, "c b a"},
		{"among equals who asked first", []ask{{"c", edit}, {"a", edit}, {"b", edit}}, false, "c a b"},
		{"asking again does not lose the place", []ask{{"a", edit}, {"b", edit}, {"a", edit}}, false, "a b"},
		{"an edit goes before the queued resync of the same agent", []ask{{"a", resync}, {"b", resync}, {"c", resync}, {"c", edit}}, false, "c a b"},
		{"a raised agent keeps its place among its new equals", []ask{{"a", resync}, {"b", edit}, {"a", edit}}, false, "a b"},
		{"a lowered agent goes behind", []ask{{"a", edit}, {"b", again}, {"a", resync}}, false, "b a"},
		{"a removal counts by its priority", []ask{{"a", again}, {"b", removal}, {"c", edit}}, false, "c a b"},
		{"only removals when only they may be sent", []ask{{"a", edit}, {"b", removal}, {"c", resync}}, true, "b"},
		{"removals among themselves in order", []ask{{"a", removal}, {"b", Want{Priority: Edit, Removal: true}}, {"c", removal}}, true, "b a c"},
		{"nobody when there is no removal", []ask{{"a", edit}}, true, ""},
		{"an agent that no longer removes is passed over", []ask{{"a", removal}, {"a", edit}}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var q queue
			for _, a := range tc.asks {
				q.put(a.agent, a.want, time.Time{})
			}
			expect(t, "the order", drain(&q, tc.removalsOnly), tc.want)
		})
	}

	t.Run("who is taken out says what it wanted, once", func(t *testing.T) {
		var q queue
		q.put("a", removal, time.Time{})
		expect(t, "first", q.remove("a"), removal)
		expect(t, "then", q.remove("a"), Want{})
		expect(t, "an unknown agent", q.remove("b"), Want{})
	})

	t.Run("who comes back has lost its place", func(t *testing.T) {
		var q queue
		q.put("a", edit, time.Time{})
		q.put("b", edit, time.Time{})
		q.put("a", q.remove("a"), time.Time{})
		expect(t, "the order", drain(&q, false), "b a")
	})

	t.Run("all that wait are listed sorted", func(t *testing.T) {
		var q queue
		expect(t, "nobody", len(q.agents()), 0)
		for _, agent := range []string{"c", "a", "b", "a"} {
			q.put(agent, again, time.Time{})
		}
		expect(t, "waiting", strings.Join(q.agents(), " "), "a b c")
	})
}

func TestTheQueueIsAlwaysInOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	type waiting struct {
		agent string
		want  Want
	}
	for range 300 {
		var q queue
		var model []waiting
		at := func(agent string) int {
			return slices.IndexFunc(model, func(w waiting) bool { return w.agent == agent })
		}
		for range 40 {
			agent := fmt.Sprint(r.IntN(12))
			if r.IntN(3) == 0 {
				q.remove(agent)
				model = slices.DeleteFunc(model, func(w waiting) bool { return w.agent == agent })
				continue
			}
			want := Want{Priority: Priority(r.IntN(3)), Removal: r.IntN(2) == 0}
			q.put(agent, want, time.Time{})
			if i := at(agent); i >= 0 {
				model[i].want = want
			} else {
				model = append(model, waiting{agent, want})
			}
		}
		removalsOnly := r.IntN(2) == 0
		slices.SortStableFunc(model, func(a, b waiting) int { return int(b.want.Priority - a.want.Priority) })
		var order []string
		for _, w := range model {
			if w.want.Removal || !removalsOnly {
				order = append(order, w.agent)
			}
		}
		if got, want := drain(&q, removalsOnly), strings.Join(order, " "); got != want {
			t.Fatalf("seed %d: got %s, want %s", seed, got, want)
		}
	}
}
