package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

const usage = `Measures the operator against the floor, a plain loop that does the same writes and calls.

Usage: scale [flags]
       scale compare OLD.json NEW.json

  --mappings N        how many mappings there are (default 2000)
  --latency 20ms      how long DeepCall takes for each call (default 20ms)
  --workers N         workers of the loop and of the manager, and calls in flight (default 16)
  --groups N          groups of each mapping, 1 to 500 (default 3)
  --pairs N           how often floor and operator are measured, in turn; medians count (default 5)
  --scenarios LIST    what is measured, with commas between (default all but growth):
                        converge  new mappings, until the last is Ready: floor and operator
                        idle      a minute with nothing to do
                        edits     from sending an edit to its call, one edit after the other
                        backlog   the same, while every mapping waits for its resync
                        restart   the manager is stopped and started
                        rotation  the Secret changes
                        outage    DeepCall answers 503 for half a minute, while edits come
                        growth    new mappings at each of --sizes, operator alone
  --sizes LIST        the numbers of mappings of growth (default 1000,10000,100000)
  --out DIR           where result.json and converged.svg go (default dist/bench)
  --manager FILE      the manager (default bin/manager)
  --pprof DIR         keep profiles of the manager there, if it can give them
  --help              this text

The table goes to standard output, progress to standard error. The exit status is 1 if something did
not converge.
`

// The scenarios, in the order in which they are played.
const (
	converge = "converge"
	idle     = "idle"
	edits    = "edits"
	restart  = "restart"
	rotation = "rotation"
	outage   = "outage"
	backlog  = "backlog"
	growth   = "growth"
)

var scenarios = []string{converge, idle, edits, restart, rotation, outage, backlog, growth}

// config is what the command line says.
type config struct {
	Mappings  int           `json:"mappings"`
	Latency   time.Duration `json:"latency"`
	Workers   int           `json:"workers"`
	Groups    int           `json:"groups"`
	Pairs     int           `json:"pairs"`
	Scenarios []string      `json:"scenarios"`
	Sizes     []int         `json:"sizes"`
	out       string
	manager   string
	pprof     string
}

// parse reads the command line. Help goes to stdout.
func parse(args []string, stdout io.Writer) (config, error) {
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
	flags.IntVar(&c.Pairs, "pairs", 5, "")
	flags.Func("scenarios", "", func(s string) error { c.Scenarios = strings.Split(s, ","); return nil })
	flags.Func("sizes", "", c.readSizes)
	flags.StringVar(&c.out, "out", filepath.Join(testenv.Root(), "dist", "bench"), "")
	flags.StringVar(&c.manager, "manager", filepath.Join(testenv.Root(), "bin", "manager"), "")
	flags.StringVar(&c.pprof, "pprof", "", "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return c, err
	}
	if err == nil {
		err = c.check(flags.Args())
	}
	if err != nil {
		return c, fmt.Errorf("%w; see --help", err)
	}
	return c, nil
}

func (c *config) readSizes(s string) error {
	c.Sizes = nil
	for word := range strings.SplitSeq(s, ",") {
		size, err := strconv.Atoi(word)
		if err != nil || size < 1 {
			return fmt.Errorf("%q is not a number of mappings", word)
		}
		c.Sizes = append(c.Sizes, size)
	}
	return nil
}

func (c *config) check(rest []string) error {
	for _, s := range c.Scenarios {
		if !slices.Contains(scenarios, s) {
			return fmt.Errorf("there is no scenario %q", s)
		}
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not a flag", rest[0])
	case c.Mappings < 1:
		return errors.New("--mappings must be at least 1")
	case c.Workers < 1 || c.Workers > 1000:
		return errors.New("--workers must be 1 to 1000, as an account's maxInFlight")
	case c.Groups < 1 || c.Groups > 500:
		return errors.New("--groups must be 1 to 500")
	case c.Pairs < 1:
		return errors.New("--pairs must be at least 1")
	}
	return nil
}

func (c *config) wants(scenario string) bool { return slices.Contains(c.Scenarios, scenario) }
