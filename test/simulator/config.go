package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

const usage = `Serves a simulated DeepCall: updateAgentGroupMapping, and /_sim/ to look at it.

Usage: simulator [flags]

  --listen ADDRESS      where to listen; port 0 takes a free one (default 127.0.0.1:8089)
  --tls-cert FILE       serve https with this PEM certificate ...
  --tls-key FILE        ... and its key
  --semantics WORD      what becomes of groups that a request leaves out:
                        "merge" keeps them, "replace" drops them (default merge)
  --user USER:TOKEN     let this user call with this token; repeatable
  --session SSID        a session ID that may call; repeatable
                        without any of both, all well-formed credentials do
  --agents 1,7          the agents there are (default any)
  --groups 90,91        the groups there are (default any)
  --latency 50ms        how long every call takes (default 0s)
  --jitter 20ms         up to this much more (default 0s)
  --seed N              of the jitter: one seed, one sequence (default 0)
  --fault FAULT         what goes wrong, in this order; repeatable
  --quiet               don't print a line per call
  --help                this text

` + deepcalltest.FaultHelp + `
Look at it with: curl 'http://127.0.0.1:8089/_sim/agents?format=text'
GET / tells the rest.
`

// config is what the command line says.
type config struct {
	listen, tlsCert, tlsKey string
	quiet                   bool
	options                 deepcalltest.Options
	faults                  []deepcalltest.Fault
}

// parse reads the command line. Help goes to stdout, complaints to stderr.
func parse(args []string, stdout, stderr io.Writer) (config, error) {
	var c config
	flags := c.flags()
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return c, err
	}
	if err == nil {
		err = c.check(flags.Args())
	}
	if err != nil {
		fmt.Fprintln(stderr, "see simulator --help")
	}
	return c, err
}

func (c *config) flags() *flag.FlagSet {
	o := &c.options
	o.Semantics = deepcalltest.Merge
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8089", "")
	flags.StringVar(&c.tlsCert, "tls-cert", "", "")
	flags.StringVar(&c.tlsKey, "tls-key", "", "")
	flags.BoolVar(&c.quiet, "quiet", false, "")
	flags.StringVar((*string)(&o.Semantics), "semantics", string(o.Semantics), "")
	flags.DurationVar(&o.Latency, "latency", 0, "")
	flags.DurationVar(&o.Jitter, "jitter", 0, "")
	flags.Uint64Var(&o.Seed, "seed", 0, "")
	flags.Func("agents", "", list(&o.Agents))
	flags.Func("groups", "", list(&o.Groups))
	flags.Func("user", "", func(s string) error {
		user, token, _ := strings.Cut(s, ":")
		if user == "" || token == "" {
			return errors.New("write USER:TOKEN")
		}
		o.Accounts = append(o.Accounts, deepcalltest.Account{UserID: user, Token: token})
		return nil
	})
	flags.Func("session", "", func(s string) error {
		if s == "" {
			return errors.New("write an SSID")
		}
		o.Accounts = append(o.Accounts, deepcalltest.Account{Sessions: []string{s}})
		return nil
	})
	flags.Func("fault", "", func(s string) error {
		fault, err := deepcalltest.ParseFault(s)
		c.faults = append(c.faults, fault)
		return err
	})
	return flags
}

func (c *config) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not a flag", rest[0])
	case (c.tlsCert == "") != (c.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case c.options.Semantics != deepcalltest.Merge && c.options.Semantics != deepcalltest.Replace:
		return fmt.Errorf("--semantics is merge or replace, not %q", c.options.Semantics)
	}
	return nil
}

// list makes a flag's reader of IDs with commas between them.
func list(into *[]string) func(string) error {
	return func(s string) error {
		for id := range strings.SplitSeq(s, ",") {
			if id = strings.TrimSpace(id); id != "" {
				*into = append(*into, id)
			}
		}
		return nil
	}
}
