package reliability

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"k8s.io/klog/v2"
)

var (
	sweep   = flag.String("sweep", "quick", "how much to sweep: quick, or full")
	seed    = flag.Uint64("seed", 1, "which sample the quick sweeps take")
	replay  = flag.String("replay", "", "the one perturbed run to repeat, as a failure names it")
	only    = flag.String("only", "", "a regular expression: which scenarios to play")
	workers = flag.Int("workers", 12, "how many runs there are at the same time")
)

func TestMain(m *testing.M) {
	flag.DurationVar(&patience, "patience", patience, "how long a run may take to come to what is declared")
	flag.Parse()
	klog.SetLogger(klogger())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := startPlane(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
