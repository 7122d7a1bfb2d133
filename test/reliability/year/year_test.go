package year

import (
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

var (
	sweep = flag.String("sweep", "quick", "how much to play: quick is a month, full a year")
	seed  = flag.Uint64("seed", 1, "the seed of the story")
	days  = flag.Int("days", 0, "how many days to play, instead of what -sweep says")
	tell  = flag.Bool("tell", false, "log what happens")
)

// enough is the least number of days in which there is always something of everything.
const enough = 30

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

func TestAYearPassesWithoutDriftLeaksOrStorms(t *testing.T) {
	length := *days
	switch {
	case length > 0:
	case *sweep == "full":
		length = 365
	default:
		length = 30
	}
	t.Logf("%d days, seed %d", length, *seed)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, *seed)
		story := newStory(*seed, length)
		f := w.play(story, time.Duration(length)*day)
		t.Logf("figures: %+v", f)
		if err := f.checkEnough(story); err != nil && length >= enough && !w.failed() {
			w.violate("too little happened: %v", err)
		}
		if len(w.violations) > 0 {
			t.Errorf("%s\n\nthe log's end:\n%s\n\nreplay: go test ./test/reliability/year -seed=%d -days=%d",
				strings.Join(w.violations, "\n"), w.log, *seed, length)
		}
	})
}

// play has the story happen, and checks every hour.
func (w *world) play(story []happening, lasts time.Duration) figures {
	begin := time.Now()
	w.furnish()
	w.start()
	w.rest(minute)
	w.mu.Lock()
	w.tally = newTally(time.Now())
	w.mu.Unlock()
	var f figures
	if *tell {
		w.t.Log(abridged(story))
	}
	for at := hour; at <= lasts && !w.failed(); at += hour {
		for len(story) > 0 && story[0].at < at {
			w.rest(story[0].at - time.Since(begin))
			story[0].do(w)
			story = story[1:]
			w.rest(10 * time.Second)
			w.remake()
		}
		w.rest(at - time.Since(begin))
		w.remake()
		w.checkHour(&f, at)
	}
	f.LongLife = w.process.judged
	w.stop()
	for _, b := range w.brands {
		b.sim.Close()
	}
	return f
}

// checkHour checks at the next quiet point all that is to be checked there.
func (w *world) checkHour(f *figures, at time.Duration) {
	quiet := w.settle()
	w.closeHour(f)
	if !quiet {
		return // hours with a call always under way are bounded by their number
	}
	w.checkTruth()
	w.checkMetrics()
	if at%day == 0 {
		w.checkMemory()
	}
}

func (w *world) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.violations) >= mostViolations
}
