package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

const usage = `Serves a simulated DeepCall: updateAgentGroupMapping, and /_sim/ to inspect and change it.

Usage: simulator [flags]

  --listen ADDRESS      address to listen on; port 0 selects a free port (default 127.0.0.1:8089)
  --tls-cert FILE       PEM certificate for https
  --tls-key FILE        key of the certificate
  --semantics WORD      groups that a request omits: "merge" keeps them, "replace"
                        removes them (default merge)
  --user USER:TOKEN     accept this user with this token; repeatable
  --session SSID        accept this ssid; repeatable
                        (default: accept all well-formed credentials)
  --agents 1,7          the existing agents (default all)
  --groups 90,91        the existing groups (default all)
  --latency 50ms        duration of each request (default 0s)
  --jitter 20ms         maximum of a random addition to the latency (default 0s)
  --seed N              seed of the jitter (default 0)
  --fault FAULT         faults, in this order; repeatable
  --quiet               do not print a line for each request
  --help                print this text

` + deepcalltest.FaultHelp + `
Inspect it with: curl 'http://127.0.0.1:8089/_sim/agents?format=text'
GET / returns the help of its API.
`

// config is the parsed command line.
type config struct {
	listen, tlsCert, tlsKey string
	quiet                   bool
	options                 deepcalltest.Options
	faults                  []deepcalltest.Fault
}

// parse parses the command line. It writes help to stdout and hints to stderr.
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
		err = c.validate(flags.Args())
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

func (c *config) validate(rest []string) error {
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

// list returns the parser of a flag with comma-separated IDs.
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
