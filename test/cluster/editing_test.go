//go:build cluster

package cluster

import (
	"context"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// editing edits a team's agents in turn, ten times per second.
type editing struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	count  int
	groups map[string]map[string]string // as declared last, by agent
}

// startEditing starts to edit the agents, which receive calls now: each edit declares the opposite.
func (t team) startEditing() *editing {
	ctx, cancel := context.WithCancel(context.Background())
	e := &editing{cancel: cancel, groups: map[string]map[string]string{}}
	DeferCleanup(e.stop)
	e.done.Go(func() {
		defer GinkgoRecover()
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				agent, receives := e.count%agentsEdited+1, e.count/agentsEdited%2 == 1
				Expect(t.edit(agent, receives)).To(Succeed())
				e.groups[strconv.Itoa(agent)] = map[string]string{"90": map[bool]string{true: "Y", false: "N"}[receives]}
				e.count++
			}
		}
	})
	return e
}

// stop ends the edits and returns their number.
func (e *editing) stop() int {
	e.cancel()
	e.done.Wait()
	return e.count
}
