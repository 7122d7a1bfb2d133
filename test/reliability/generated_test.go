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
	batchSize      = 12
	quickSequences = 60
	fullDuration   = 10 * time.Minute
	shrinkDuration = 30 * time.Second
	roundTripEvery = 3 // every so many sequences, one is a round trip
)

// TestGeneratedOperations runs generated sequences of user actions, faults and crashes, each of which must converge
// once the faults end.
//
//	go test ./test/reliability -run TestGeneratedOperations -seed 7             # other sequences
//	go test ./test/reliability -run TestGeneratedOperations -sweep=full -v      # for ten minutes
//	go test ./test/reliability -run TestGeneratedOperations -rapid.seed=123     # the batch of a failure
//	go test ./test/reliability -run TestGeneratedOperations -replay '{"ops":[...]}' # one sequence
func TestGeneratedOperations(t *testing.T) {
	if replayed(t, parseSequence, runSequence) {
		return
	}
	setUnlessGiven(t, "rapid.seed", fmt.Sprint(*seed))
	setUnlessGiven(t, "rapid.shrinktime", shrinkDuration.String())
	setUnlessGiven(t, "rapid.nofailfile", "true")
	setUnlessGiven(t, "rapid.checks", "10000")

	start, total, failed := time.Now(), totals{}, false
	enough := func() bool { return total.sequences >= quickSequences }
	if *sweep == "full" {
		enough = func() bool { return time.Since(start) >= fullDuration }
	}
	rapid.Check(t, func(rt *rapid.T) {
		if enough() && !failed {
			return
		}
		// Some batches contain one sequence, so that rapid can shrink a failure to a single short sequence.
		n := rapid.SampledFrom([]int{1, batchSize, batchSize, batchSize, batchSize, batchSize}).Draw(rt, "size")
		sequences := make([]sequence, n)
		for i := range sequences {
			if i%roundTripEvery == roundTripEvery-1 {
				sequences[i] = genRoundTrip.Draw(rt, "round trip")
			} else {
				sequences[i] = genSequence.Draw(rt, "sequence")
			}
		}
		var running sync.WaitGroup
		results := make([]sequenceResult, n)
		for i := range sequences {
			running.Go(func() { results[i] = runSequence(sequences[i]) })
		}
		running.Wait()
		for _, result := range results {
			total.add(result)
			if failure := result.failure(); failure != "" {
				failed = true
				t.Log(failure) // rapid does not print it if the failure is not reproducible
				rt.Errorf("%s", strings.Join(result.failures, "\n"))
			}
		}
		t.Logf("%s after %s", total, time.Since(start).Round(time.Second))
	})
	violations, searched, err := findInEtcd(t.Context(), canaryMark)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations {
		t.Error(violation)
	}
	t.Logf("searched %d versions of objects in etcd for credentials", searched)
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

// totals counts over all sequences.
type totals struct{ sequences, roundTrips, operations, effects, requests, crashes, unguarded int }

func (n *totals) add(r sequenceResult) {
	n.sequences++
	n.operations += len(r.Ops)
	n.effects += r.effects
	n.requests += r.requests
	n.crashes += r.crashes
	n.unguarded += r.unguarded
	if len(r.Ops) > 0 && r.Ops[len(r.Ops)-1].Do == "restore-state" {
		n.roundTrips++
	}
}

func (n totals) String() string {
	return fmt.Sprintf("%d sequences, %d of them round trips, with %d operations: %d effects, %d requests, %d crashes, %d deletions in spite of a finalizer",
		n.sequences, n.roundTrips, n.operations, n.effects, n.requests, n.crashes, n.unguarded)
}
