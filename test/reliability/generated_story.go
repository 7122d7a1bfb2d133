package reliability

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A story is a sequence of operations of people, and of faults, that was generated. It is plain data: it
// can be written down, and played again.
type story struct {
	// Replace is the reading of DeepCall's page under which it is played.
	Replace bool `json:"replace,omitempty"`
	// Impatient people ask for a resync of everything that is not well in the end; others only of what
	// waits for them.
	Impatient bool        `json:"impatient,omitempty"`
	Ops       []operation `json:"ops"`
}

// operation is one of a story. What it does to whom is in acts.
type operation struct {
	Do    string `json:"do"`
	On    string `json:"on,omitempty"`    // a mapping, an account, an agent or a group
	To    string `json:"to,omitempty"`    // groups such as "90=Y 91=N", or another value
	Times int    `json:"times,omitempty"` // how often, how long, or at which effect
}

// String is what -replay takes.
func (s story) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// GoString is how a failure shows what was drawn.
func (s story) GoString() string { return s.String() }

func parseStory(text string) (story, error) {
	var s story
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("read the story: %w", err)
	}
	for _, op := range s.Ops {
		if acts[op.Do] == nil {
			return s, fmt.Errorf("there is no operation %q", op.Do)
		}
	}
	return s, nil
}

// role is a mapping that may or may not exist in a story. Its name, account and agent never change.
type role struct{ name, account, agent string }

// cast are all mappings of a story. Those of agent 7 quarrel, also from another namespace.
var cast = []role{
	{"asha", "acme", "7"},
	{"ravi", "acme", "7"},
	{"1/lena", "acme", "7"},
	{"maya", "acme", "8"},
	{"1/noor", "1/zen", "9"},
	{"1/omar", "1/zen", "9"},
}

// castAccounts are all accounts of a story, each with a Secret and a user of its own in DeepCall.
var castAccounts = []string{"acme", "1/zen"}

// The groups of a story. DeepCall knows no group nowhere.
var castGroups = []string{"90", "91", "92", "93"}

const nowhere = "99"

var castAgents = map[string]string{"7": "acme", "8": "acme", "9": "1/zen"}

func roleOf(name string) role {
	for _, r := range cast {
		if r.name == name {
			return r
		}
	}
	return role{}
}

// told is what became of a story.
type told struct {
	story
	problems []string
	ledger   string
	// In numbers: effects and calls of the manager, crashes, and mappings that the API server let go in spite
	// of their finalizer.
	effects, calls, crashes, vanished int
}

// tell plays a story, brings it to an end in which all is well, and finds out whether it is.
func tell(s story) told {
	result := told{story: s}
	var p *stage
	result.problems = try(func(t tb) {
		p = newStage(t, s)
		for _, op := range s.Ops {
			acts[op.Do](p, op)
		}
		for _, broken := range p.judge() {
			t.Errorf("%s", broken)
		}
	})
	if p != nil {
		result.ledger = p.w.ledger.String()
		result.vanished = p.book.vanishes(p.w.history.look())
		effects := p.w.ledger.look()
		result.effects, result.crashes = len(effects), p.w.crashes
		for _, e := range effects {
			if e.call {
				result.calls++
			}
		}
	}
	return result
}

// report says all that is needed to understand and to repeat a failure.
func (r told) report() string {
	return fmt.Sprintf("%s\nwhat the manager did:\n%s\nto repeat it:\n  go test ./test/reliability -run TestGeneratedOperations -replay '%s' -v",
		strings.Join(r.problems, "\n"), r.ledger, r.story)
}
