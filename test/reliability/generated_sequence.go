package reliability

import (
	"encoding/json"
	"fmt"
)

// sequence is a generated sequence of user actions and faults. It is plain data that can be printed and replayed.
type sequence struct {
	// Replace selects the semantics in which a request replaces all groups of an agent.
	Replace bool `json:"replace,omitempty"`
	// RetryAll requests, at the end, a reconcile of all objects that are not Ready, not only of rejected ones.
	RetryAll bool        `json:"retryAll,omitempty"`
	Ops      []operation `json:"ops"`
}

// operation is one step of a sequence. The map operations contains its implementation.
type operation struct {
	Do    string `json:"do"`
	On    string `json:"on,omitempty"`    // a mapping, an account, an agent or a group
	To    string `json:"to,omitempty"`    // groups such as "90=Y 91=N", or another value
	Times int    `json:"times,omitempty"` // a number of repetitions or effects
}

// String formats the sequence for -replay.
func (s sequence) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// GoString is used when rapid prints a failure.
func (s sequence) GoString() string { return s.String() }

func parseSequence(text string) (sequence, error) {
	var s sequence
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("parse the sequence: %w", err)
	}
	for _, op := range s.Ops {
		if operations[op.Do] == nil {
			return s, fmt.Errorf("unknown operation %q", op.Do)
		}
	}
	return s, nil
}

// mappingFixture is a mapping that operations create, edit and delete. Its name, account and agent never change.
type mappingFixture struct{ name, account, agent string }

// mappingFixtures are all mappings of a sequence. Those of agent 7 conflict, also across namespaces.
var mappingFixtures = []mappingFixture{
	{"asha", "acme", "7"},
	{"ravi", "acme", "7"},
	{"1/lena", "acme", "7"},
	{"maya", "acme", "8"},
	{"1/noor", "1/zen", "9"},
	{"1/omar", "1/zen", "9"},
}

var (
	// accountNames are all accounts of a sequence, each with a Secret and a user of its own in DeepCall.
	accountNames  = []string{"acme", "1/zen"}
	agentAccounts = map[string]string{"7": "acme", "8": "acme", "9": "1/zen"}
	groupIDs      = []string{"90", "91", "92", "93"}
)

// unknownGroup is a group that DeepCall doesn't have.
const unknownGroup = "99"

func fixtureFor(name string) mappingFixture {
	for _, f := range mappingFixtures {
		if f.name == name {
			return f
		}
	}
	return mappingFixture{}
}

// sequenceResult is the result of a sequence.
type sequenceResult struct {
	sequence
	runResult
	// unguarded counts mappings that the API server deleted in spite of their finalizer.
	effects, requests, crashes, unguarded int
}

// runSequence runs the operations, waits for convergence and checks the invariants.
func runSequence(s sequence) sequenceResult {
	result := sequenceResult{sequence: s}
	var r *runner
	result.failures = recordFailures(func(t tb) {
		r = newRunner(t, s)
		for _, op := range s.Ops {
			operations[op.Do](r, op)
		}
		for _, violation := range r.checkInvariants() {
			t.Errorf("%s", violation)
		}
	})
	if r != nil {
		result.log = r.env.ledger.String()
		result.unguarded = r.model.recordUnguardedDeletions(r.env.history.list())
		effects := r.env.ledger.list()
		result.effects, result.crashes = len(effects), r.env.crashes
		for _, e := range effects {
			if e.request {
				result.requests++
			}
		}
	}
	return result
}

func (r sequenceResult) injected() bool { return true }

func (r sequenceResult) failure() string {
	return r.failureReport("TestGeneratedOperations", r.sequence.String())
}
