package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing/synctest"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

// crowd has many agents want a call each, as reconcilers do: who is woken asks again; who failed
// asks again too, unless it was told to give up.
func (b *bench) crowd(n int, want Want, insists bool) {
	agents := make([]string, n)
	for i := range agents {
		agents[i] = fmt.Sprint(i)
	}
	b.gather(want, insists, agents...)
}

func (b *bench) gather(want Want, insists bool, agents ...string) {
	var visit func(agent string)
	var mu sync.Mutex
	calling, done := map[string]bool{}, map[string]bool{}
	visit = func(agent string) {
		mu.Lock()
		if calling[agent] || done[agent] {
			mu.Unlock()
			return
		}
		calling[agent] = true
		mu.Unlock()
		turn := b.Turn(agent, want)
		called := turn != nil && turn.Use()
		var err error
		if called {
			_, err = turn.Call(context.Background(), deepcall.Request{AgentID: agent, Groups: map[string]bool{"90": true}})
			b.Leave(agent) // as when what came of it is written
		}
		mu.Lock()
		calling[agent] = false
		done[agent] = called && (err == nil || !insists)
		mu.Unlock()
		if called && err != nil && insists {
			visit(agent)
		}
	}
	b.mu.Lock()
	before := b.onWake
	b.onWake = func(agent string) {
		if slices.Contains(agents, agent) {
			go visit(agent)
		} else if before != nil {
			before(agent)
		}
	}
	b.mu.Unlock()
	for _, agent := range agents {
		go visit(agent)
		synctest.Wait() // so that they ask in order
	}
}
