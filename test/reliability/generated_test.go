package reliability

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	storiesAtOnce  = 12
	storiesQuick   = 60
	fullTakes      = 10 * time.Minute
	shrinkingTakes = 30 * time.Second
	nthReturns     = 3 // each so many-th story goes there and back again
)

// Stories of people, faults and crashes, that nobody thought of, end as declared once all trouble ends.
//
//	go test ./test/reliability -run TestGeneratedOperations -seed 7             # other stories
//	go test ./test/reliability -run TestGeneratedOperations -sweep=full -v      # for ten minutes
//	go test ./test/reliability -run TestGeneratedOperations -rapid.seed=123     # as a failure names it: its batch of stories
//	go test ./test/reliability -run TestGeneratedOperations -replay '{"ops":[...]}' # one of them
func TestGeneratedOperations(t *testing.T) {
	if *replay != "" {
		s, err := parseStory(*replay)
		if err != nil {
			t.Fatal(err)
		}
		result := tell(s)
		t.Logf("what the manager did:\n%s", result.ledger)
		if len(result.problems) > 0 {
			t.Fatal(result.report())
		}
		return
	}
	setUnlessGiven(t, "rapid.seed", fmt.Sprint(*seed))
	setUnlessGiven(t, "rapid.shrinktime", shrinkingTakes.String())
	setUnlessGiven(t, "rapid.nofailfile", "true")
	setUnlessGiven(t, "rapid.checks", "10000")

	began, total, failed := time.Now(), tally{}, false
	enough := func() bool { return total.stories >= storiesQuick }
	if *sweep == "full" {
		enough = func() bool { return time.Since(began) >= fullTakes }
	}
	rapid.Check(t, func(rt *rapid.T) {
		if enough() && !failed {
			return
		}
		// Most batches are full; that some are of one story leads to the shortest that fails.
		n := rapid.SampledFrom([]int{1, storiesAtOnce, storiesAtOnce, storiesAtOnce, storiesAtOnce, storiesAtOnce}).Draw(rt, "stories")
		stories := make([]story, n)
		for i := range stories {
			if i%nthReturns == nthReturns-1 {
				stories[i] = drawReturn.Draw(rt, "there and back")
			} else {
				stories[i] = drawStory.Draw(rt, "story")
			}
		}
		var telling sync.WaitGroup
		results := make([]told, n)
		for i := range stories {
			telling.Go(func() { results[i] = tell(stories[i]) })
		}
		telling.Wait()
		for _, result := range results {
			total.add(result)
			if len(result.problems) > 0 {
				failed = true
				t.Log(result.report()) // also should it not happen again
				rt.Errorf("%s", strings.Join(result.problems, "\n"))
			}
		}
		t.Logf("%s after %s", total, time.Since(began).Round(time.Second))
	})
	broken, looked, err := inEtcd(t.Context(), canaryMark)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range broken {
		t.Error(line)
	}
	t.Logf("no credential is in %d versions of objects in etcd", looked)
}

func setUnlessGiven(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// tally counts what was told.
type tally struct{ stories, returns, operations, effects, calls, crashes, vanished int }

func (n *tally) add(r told) {
	n.stories++
	n.operations += len(r.Ops)
	n.effects += r.effects
	n.calls += r.calls
	n.crashes += r.crashes
	n.vanished += r.vanished
	if len(r.Ops) > 0 && r.Ops[len(r.Ops)-1].Do == "revert" {
		n.returns++
	}
}

func (n tally) String() string {
	return fmt.Sprintf("%d stories, %d of them there and back, with %d operations: %d effects, %d calls, %d crashes, %d finalizers not seen by the API server",
		n.stories, n.returns, n.operations, n.effects, n.calls, n.crashes, n.vanished)
}
