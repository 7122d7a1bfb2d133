package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

const helpText = `Compares the operator with the floor, a plain loop that does the same writes and requests.

Usage: scale [flags]
       scale compare OLD.json NEW.json

  --mappings N        number of mappings (default 2000)
  --latency 20ms      response time of DeepCall (default 20ms)
  --workers N         workers of the loop and the manager, and requests in flight (default 16)
  --groups N          groups per mapping, 1 to 500 (default 3)
  --pairs N           measurements of floor and operator, for the medians (default 9); the interval of the
                      ratio needs 6
  --seed N            seed for the random order of floor and operator in each pair (default random)
  --floor-writes A,B  how the floor writes before and after a request: put, patch or apply (default patch,put)
  --scenarios LIST    comma-separated scenarios (default all but growth):
                        converge  new mappings until the last is Ready, floor and operator
                        idle      a minute without changes
                        edits     time from an edit to its request, one edit at a time
                        backlog   the same, while all mappings wait for their resync
                        restart   a restart of the manager
                        failover  a crash of the leader, with a standby and an edit
                        rotation  a change of the Secret
                        outage    DeepCall responds 503 for half a minute, with edits
                        growth    new mappings in each of --sizes, operator only
  --sizes LIST        numbers of mappings for growth (default 1000,10000,100000)
  --out DIR           directory for result.json and converged.svg (default dist/bench)
  --manager FILE      path of the manager (default bin/manager)
  --pprof DIR         directory for profiles of the manager
  --help              print this text and exit

The table is printed to standard output, progress to standard error. The exit status is 1 if something
did not converge.
`

// The scenarios.
const (
	converge = "converge"
	idle     = "idle"
	edits    = "edits"
	restart  = "restart"
	failover = "failover"
	rotation = "rotation"
	outage   = "outage"
	backlog  = "backlog"
	growth   = "growth"
)

var scenarios = []string{converge, idle, edits, restart, failover, rotation, outage, backlog, growth}

// config holds the command-line options.
type config struct {
	Mappings  int           `json:"mappings"`
	Latency   time.Duration `json:"latencyNanoseconds"`
	Workers   int           `json:"workers"`
	Groups    int           `json:"groups"`
	Pairs     int           `json:"pairs"`
	Seed      uint64        `json:"seed"`
	Writes    string        `json:"floorWrites"`
	Scenarios []string      `json:"scenarios"`
	Sizes     []int         `json:"sizes"`
	out       string
	manager   string
	pprof     string
}

// parseFlags parses the command line. It prints help to stdout.
func parseFlags(args []string, stdout io.Writer) (config, error) {
	c := config{
		Scenarios: slices.DeleteFunc(slices.Clone(scenarios), func(s string) bool { return s == growth }),
		Sizes:     []int{1_000, 10_000, 100_000},
	}
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&c.Mappings, "mappings", 2000, "")
	flags.DurationVar(&c.Latency, "latency", 20*time.Millisecond, "")
	flags.IntVar(&c.Workers, "workers", 16, "")
	flags.IntVar(&c.Groups, "groups", 3, "")
	flags.IntVar(&c.Pairs, "pairs", 9, "")
	flags.Uint64Var(&c.Seed, "seed", rand.Uint64(), "")
	flags.StringVar(&c.Writes, "floor-writes", "patch,put", "")
	flags.Func("scenarios", "", func(s string) error { c.Scenarios = strings.Split(s, ","); return nil })
	flags.Func("sizes", "", c.parseSizes)
	flags.StringVar(&c.out, "out", filepath.Join(testenv.Root(), "dist", "bench"), "")
	flags.StringVar(&c.manager, "manager", filepath.Join(testenv.Root(), "bin", "manager"), "")
	flags.StringVar(&c.pprof, "pprof", "", "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, helpText)
		return c, err
	}
	if err == nil {
		err = c.validate(flags.Args())
	}
	if err != nil {
		return c, fmt.Errorf("%w; see --help", err)
	}
	return c, nil
}

func (c *config) parseSizes(s string) error {
	c.Sizes = nil
	for text := range strings.SplitSeq(s, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 {
			return fmt.Errorf("%q is not a number of mappings", text)
		}
		c.Sizes = append(c.Sizes, size)
	}
	return nil
}

func (c *config) validate(rest []string) error {
	for _, s := range c.Scenarios {
		if !slices.Contains(scenarios, s) {
			return fmt.Errorf("unknown scenario %q", s)
		}
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case c.Mappings < 1:
		return errors.New("--mappings must be at least 1")
	case c.Workers < 1 || c.Workers > 1000:
		return errors.New("--workers must be 1 to 1000, the range of maxInFlight")
	case c.Groups < 1 || c.Groups > 500:
		return errors.New("--groups must be 1 to 500")
	case c.Pairs < 1:
		return errors.New("--pairs must be at least 1")
	}
	_, _, err := parseMethods(c.Writes)
	return err
}

func (c *config) wants(scenario string) bool { return slices.Contains(c.Scenarios, scenario) }
