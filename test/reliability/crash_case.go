package reliability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// faultMode is how a fault makes an effect fail.
type faultMode string

const (
	// failBefore returns an error without sending the effect.
	failBefore faultMode = "fail-before"
	// loseAnswer sends the effect and returns an error.
	loseAnswer faultMode = "lose-answer"
	// crashBefore crashes the process before the effect is sent.
	crashBefore faultMode = "crash-before"
	// crashAfter sends the effect and crashes the process before it receives the answer.
	crashAfter faultMode = "crash-after"
)

var faultModes = []faultMode{failBefore, loseAnswer, crashBefore, crashAfter}

func (m faultMode) crashes() bool { return m == crashBefore || m == crashAfter }
func (m faultMode) sends() bool   { return m == "" || m == loseAnswer || m == crashAfter }

// fault makes the k-th effect of a process fail. The first fault of a case is for the process that runs when the
// ledger is armed, each further one for the next process after a crash.
type fault struct {
	k    int
	mode faultMode
}

func (f fault) String() string { return fmt.Sprintf("k=%d/%s", f.k, f.mode) }

// crashCase identifies a run of the crash sweep: a scenario, its semantics and the faults.
type crashCase struct {
	scenario string // with replaceSuffix for the other semantics
	faults   []fault
}

// String formats the case for -replay.
func (c crashCase) String() string {
	parts := []string{c.scenario}
	for _, f := range c.faults {
		parts = append(parts, f.String())
	}
	return strings.Join(parts, "/")
}

// parseCrashCase parses the format of String.
func parseCrashCase(text string) (crashCase, error) {
	parts := strings.Split(text, "/")
	c := crashCase{scenario: parts[0]}
	if len(parts)%2 == 0 {
		return c, fmt.Errorf("%q is not scenario/k=number/mode", text)
	}
	for i := 1; i < len(parts); i += 2 {
		k, err := strconv.Atoi(strings.TrimPrefix(parts[i], "k="))
		if err != nil || k < 1 || !slices.Contains(faultModes, faultMode(parts[i+1])) {
			return c, fmt.Errorf("%q is not k=number/mode, with a mode of %v", parts[i]+"/"+parts[i+1], faultModes)
		}
		c.faults = append(c.faults, fault{k, faultMode(parts[i+1])})
	}
	return c, nil
}

// crashResult is the result of a crash case.
type crashResult struct {
	crashCase
	runResult
	// effects of the first process since the first step, and of the process after the first crash.
	effects, afterCrash int
	injectedFaults      int
}

// runCrashCase runs a scenario with faults.
func runCrashCase(c crashCase) crashResult {
	result := crashResult{crashCase: c}
	result.runResult = runScenario(c.scenario, environmentOptions{}, func(t tb, env *environment, s scenario) {
		t.Cleanup(func() { result.injectedFaults = env.ledger.injectedFaults() })
		first := env.current()
		env.ledger.arm(first, c.faults)
		s.steps(env)
		for _, violation := range env.checkInvariants(s.expected, s.maxRequests(len(c.faults) > 0)) {
			t.Errorf("%s", violation)
		}
		result.effects, result.afterCrash = env.ledger.numberedEffects(first.number), env.ledger.numberedEffects(first.number+1)
	})
	return result
}

func (r crashResult) injected() bool  { return r.injectedFaults == len(r.faults) }
func (r crashResult) failure() string { return r.failureReport("TestCrashSweep", r.crashCase.String()) }
