package reliability

import (
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"
)

// perturbed is what became of a perturbed run.
type perturbed interface {
	// failure says all that is needed to understand and to repeat what went wrong, if anything did.
	failure() string
	// met is true when the run came to what was to perturb it.
	met() bool
}

// playAll plays several runs at a time, and reports those that fail. It fails too when many do not meet what was to
// perturb them, since they prove nothing.
func playAll[P any, R perturbed](t *testing.T, what string, perturbations []P, play func(P) R) []R {
	t.Helper()
	runs := make([]R, len(perturbations))
	next := make(chan int)
	var playing sync.WaitGroup
	for range *workers {
		playing.Go(func() {
			for i := range next {
				runs[i] = play(perturbations[i])
				if failure := runs[i].failure(); failure != "" {
					t.Error(failure)
				}
			}
		})
	}
	began := time.Now()
	for i := range perturbations {
		next <- i
		if (i+1)%100 == 0 {
			t.Logf("%s: %d of %d runs after %s", what, i+1, len(runs), time.Since(began).Round(time.Second))
		}
	}
	close(next)
	playing.Wait()
	var missed []P
	for i, r := range runs {
		if !r.met() {
			missed = append(missed, perturbations[i])
		}
	}
	t.Logf("%s: %d runs, of which %d did not meet what was to perturb them %v, in %s",
		what, len(runs), len(missed), missed, time.Since(began).Round(time.Second))
	if len(runs) == 0 || len(missed) > tolerated(len(runs)) {
		t.Errorf("%s: that proves little", what)
	}
	return runs
}

// tolerated is how many runs may miss what was to perturb them: one in twenty, and two, since a small sample may
// be an unlucky one. Of a few scenarios, which may be those where it happens, one in five.
func tolerated(runs int) int {
	if *only != "" {
		return runs / 5
	}
	return runs/20 + 2
}

// chosen are the scenarios to be played.
func chosen() []string {
	var names []string
	for _, name := range played() {
		if regexp.MustCompile(*only).MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// sample takes some of the runs, by the seed; in the full sweep all.
func sample[P any](t *testing.T, all []P, most int) []P {
	t.Helper()
	if *sweep == "full" {
		return all
	}
	if *only == "" && len(all) < most {
		t.Errorf("there are only %d runs to take %d of", len(all), most)
	}
	chance := rand.New(rand.NewPCG(*seed, *seed))
	chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), most)]
}

func TestTheQuickSweepsPerturbEnough(t *testing.T) {
	if n := singlesInQuickSweep + pairsInQuickSweep + viewsInQuickSweep; n < 500 {
		t.Errorf("they take %d runs", n)
	}
}
