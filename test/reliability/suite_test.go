package reliability

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
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
	if err := searchEtcd(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// searchEtcd holds I8 for all that the tests left in etcd, whatever their order.
func searchEtcd() error {
	if worlds.Load() == 0 {
		return nil // no Secret was ever there
	}
	broken, _, err := inEtcd(context.Background(), canaryMark)
	if err == nil && len(broken) > 0 {
		err = errors.New(strings.Join(broken, "\n"))
	}
	return err
}
