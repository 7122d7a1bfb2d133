package dispatch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// drain removes all agents from a queue, in order.
func drain(q *queue, removalsOnly bool) string {
	var order []string
	for w := q.first(removalsOnly); w != nil; w = q.first(removalsOnly) {
		order = append(order, w.agentID)
		q.remove(w.agentID)
	}
	return strings.Join(order, " ")
}

// put is an agent that asks.
type put struct {
	agentID string
	ask     Ask
}

func TestQueueOrder(t *testing.T) {
	retry, requested, resync := Ask{Priority: Retry}, Ask{Priority: RequestedResync}, Ask{Priority: PeriodicResync}
	removal := Ask{Priority: Retry, Removal: true}
	for _, tc := range []struct {
		name         string
		puts         []put
		removalsOnly bool
		want         string
	}{
		{"is empty at first", nil, false, ""},
		{
			"puts edits before retries before requested resyncs before periodic resyncs",
			[]put{{"a", resync}, {"b", requested}, {"c", retry}, {"d", edit}},
			false, "d c b a",
		},
		{"puts the one that asked first before its equals", []put{{"c", edit}, {"a", edit}, {"b", edit}}, false, "c a b"},
		{"keeps the place of an agent that asks again", []put{{"a", edit}, {"b", edit}, {"a", edit}}, false, "a b"},
		{"replaces the waiting resync of an agent by its edit", []put{{"a", resync}, {"b", resync}, {"c", resync}, {"c", edit}}, false, "c a b"},
		{"keeps the place of a raised agent among its new equals", []put{{"a", resync}, {"b", edit}, {"a", edit}}, false, "a b"},
		{"moves a lowered agent back", []put{{"a", edit}, {"b", retry}, {"a", resync}}, false, "b a"},
		{"orders removals by their priority", []put{{"a", retry}, {"b", removal}, {"c", edit}}, false, "c a b"},
		{"has only removals if only those are considered", []put{{"a", edit}, {"b", removal}, {"c", resync}}, true, "b"},
		{
			"orders removals if only those are considered",
			[]put{{"a", removal}, {"b", Ask{Priority: Edit, Removal: true}}, {"c", removal}},
			true, "b a c",
		},
		{"is empty if only removals are considered and there are none", []put{{"a", edit}}, true, ""},
		{"does not consider an agent that no longer removes", []put{{"a", removal}, {"a", edit}}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var q queue
			for _, p := range tc.puts {
				q.put(p.agentID, p.ask, time.Time{})
			}
			expect(t, "order", drain(&q, tc.removalsOnly), tc.want)
		})
	}

	t.Run("keeps what an agent asks for until it is removed", func(t *testing.T) {
		var q queue
		q.put("a", removal, start)
		q.put("a", removal, start.Add(time.Hour))
		expect(t, "ask", q.first(false).ask, removal)
		expect(t, "since", q.first(false).since, start)
		q.remove("b") // unknown
		expect(t, "agents", len(q.agentIDs()), 1)
		q.remove("a")
		q.remove("a")
		expect(t, "first", q.first(false), nil)
	})

	t.Run("does not keep the place of an agent that was removed", func(t *testing.T) {
		var q queue
		q.put("a", edit, time.Time{})
		q.put("b", edit, time.Time{})
		q.remove("a")
		q.put("a", edit, time.Time{})
		expect(t, "order", drain(&q, false), "b a")
	})

	t.Run("lists all agents sorted", func(t *testing.T) {
		var q queue
		expect(t, "agents at first", len(q.agentIDs()), 0)
		for _, agentID := range []string{"c", "a", "b", "a"} {
			q.put(agentID, retry, time.Time{})
		}
		expect(t, "agents", strings.Join(q.agentIDs(), " "), "a b c")
	})
}

// TestQueueMatchesSortedList compares the queue with a list that is sorted at the end.
func TestQueueMatchesSortedList(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var q queue
		var list []put
		for range 40 {
			agentID := fmt.Sprint(r.IntN(12))
			isAgent := func(e put) bool { return e.agentID == agentID }
			if r.IntN(3) == 0 {
				q.remove(agentID)
				list = slices.DeleteFunc(list, isAgent)
				continue
			}
			ask := Ask{Priority: Priority(r.IntN(4)), Removal: r.IntN(2) == 0}
			q.put(agentID, ask, time.Time{})
			if i := slices.IndexFunc(list, isAgent); i >= 0 {
				list[i].ask = ask
			} else {
				list = append(list, put{agentID, ask})
			}
		}
		removalsOnly := r.IntN(2) == 0
		slices.SortStableFunc(list, func(a, b put) int { return int(b.ask.Priority - a.ask.Priority) })
		var order []string
		for _, e := range list {
			if e.ask.Removal || !removalsOnly {
				order = append(order, e.agentID)
			}
		}
		if got, want := drain(&q, removalsOnly), strings.Join(order, " "); got != want {
			t.Fatalf("seed %d: got %s, want %s", seed, got, want)
		}
	}
}
