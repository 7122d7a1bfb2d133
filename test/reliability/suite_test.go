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
	sweep   = flag.String("sweep", "quick", "quick or full")
	seed    = flag.Uint64("seed", 1, "seed of the samples, generated operations and soak")
	replay  = flag.String("replay", "", "the run to repeat, as printed by a failure")
	only    = flag.String("only", "", "regular expression that selects scenarios")
	workers = flag.Int("workers", 12, "number of concurrent runs")
)

func TestMain(m *testing.M) {
	flag.DurationVar(&patience, "patience", patience, "how long to wait for convergence")
	flag.Parse()
	klog.SetLogger(newKlogLogger())
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := startControlPlane(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := searchEtcd(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := controlPlane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// searchEtcd checks I8 for everything that the tests left in etcd.
func searchEtcd() error {
	if environmentCount.Load() == 0 {
		return nil // findInEtcd requires a Secret
	}
	violations, _, err := findInEtcd(context.Background(), canaryMark)
	if err == nil && len(violations) > 0 {
		err = errors.New(strings.Join(violations, "\n"))
	}
	return err
}
