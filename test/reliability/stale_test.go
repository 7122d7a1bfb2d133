package reliability

import (
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"
)

// viewsInQuickSweep is how many stale views the quick sweep takes, of all there are.
const viewsInQuickSweep = 120

func TestStaleSweep(t *testing.T) {
	if *replay != "" {
		v, err := parseStaleView(*replay)
		if err != nil {
			t.Fatal(err)
		}
		run := playStale(v)
		t.Logf("what the manager did:\n%s", run.story)
		if len(run.problems) > 0 {
			t.Fatal(run.report())
		}
		if !run.struck {
			t.Fatalf("there was no event %s=%d this time", v.kind, v.k)
		}
		return
	}

	var undisturbed []staleView
	for _, name := range played() {
		if regexp.MustCompile(*only).MatchString(name) {
			undisturbed = append(undisturbed, staleView{scenario: name})
		}
	}
	began := time.Now()
	var views []staleView
	for _, run := range playStaleViews(t, "clear views", undisturbed) {
		views = append(views, run.staleViews()...)
	}
	all := len(views)
	if *sweep != "full" {
		chance := rand.New(rand.NewPCG(*seed, *seed))
		chance.Shuffle(len(views), func(i, j int) { views[i], views[j] = views[j], views[i] })
		views = views[:min(len(views), viewsInQuickSweep)]
	}
	met := 0
	for _, run := range playStaleViews(t, "stale views", views) {
		if run.struck {
			met++
		}
	}
	if len(views) == 0 || met*2 < len(views) {
		t.Errorf("only %d of %d runs met their event", met, len(views))
	}
	t.Logf("%s sweep: %d scenarios, %d of %d stale views (seed %d), in %s",
		*sweep, len(undisturbed), len(views), all, *seed, time.Since(began).Round(time.Second))
}

// playStaleViews plays several runs at a time, and reports those that fail.
func playStaleViews(t *testing.T, what string, views []staleView) []staleRun {
	t.Helper()
	runs := make([]staleRun, len(views))
	next := make(chan int)
	var playing sync.WaitGroup
	for range *workers {
		playing.Go(func() {
			for i := range next {
				runs[i] = playStale(views[i])
				if len(runs[i].problems) > 0 {
					t.Error(runs[i].report())
				}
			}
		})
	}
	began := time.Now()
	for i := range views {
		next <- i
		if (i+1)%100 == 0 {
			t.Logf("%s: %d of %d runs after %s", what, i+1, len(views), time.Since(began).Round(time.Second))
		}
	}
	close(next)
	playing.Wait()
	struck, dropped := 0, 0
	for _, run := range runs {
		if run.struck {
			struck++
		}
		if run.dropped {
			dropped++
		}
	}
	t.Logf("%s: %d runs, of which %d met their event, and %d never saw one, in %s",
		what, len(runs), struck, dropped, time.Since(began).Round(time.Second))
	return runs
}
