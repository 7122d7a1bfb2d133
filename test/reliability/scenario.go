package reliability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// scenario is a short sequence of user actions and the state to which it must converge.
type scenario struct {
	name string
	// bothSemantics runs the scenario also with requests that replace all groups of an agent.
	bothSemantics bool
	// otherNamespaces are further namespaces. The stale sweep, which knows one watch of each kind, leaves out such scenarios.
	otherNamespaces int
	// setup runs without faults.
	setup func(env *environment)
	// steps run with faults.
	steps    func(env *environment)
	expected expectation
	// requests is the maximum for each agent without faults, including setup.
	requests map[string]int
	// isolationRequests are further requests for each agent that a fault can cause, to find out which groups
	// DeepCall rejects (R3, R6), or because a restart loses a status that the API server rejected.
	isolationRequests map[string]int
}

// maxRequests returns the maximum number of requests for each agent, with or without isolation.
func (s scenario) maxRequests(isolation bool) map[string]int {
	limits := maps.Clone(s.requests)
	for agent, n := range s.isolationRequests {
		if isolation {
			limits[agent] += n
		}
	}
	return limits
}

// scenarios are the scenarios of the sweeps.
var scenarios = slices.Concat(editScenarios, lifecycleScenarios, recordScenarios, tenancyScenarios, rejectionScenarios)

// replaceSuffix is appended to the name of a scenario in which requests replace all groups of an agent.
const replaceSuffix = "@replace"

// scenarioNames returns the names of all scenarios with their semantics.
func scenarioNames() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
		if s.bothSemantics {
			names = append(names, s.name+replaceSuffix)
		}
	}
	return names
}

func findScenario(name string) (scenario, deepcalltest.Semantics, bool) {
	semantics := deepcalltest.Merge
	plain, replace := strings.CutSuffix(name, replaceSuffix)
	if replace {
		semantics = deepcalltest.Replace
	}
	for _, s := range scenarios {
		if s.name == plain && (!replace || s.bothSemantics) {
			return s, semantics, true
		}
	}
	return scenario{}, "", false
}

// runScenario runs the setup of a scenario and then body in a new environment, and returns the failures and the
// manager's effects.
func runScenario(name string, options environmentOptions, body func(t tb, env *environment, s scenario)) runResult {
	s, semantics, known := findScenario(name)
	if !known {
		return runResult{failures: []string{"unknown scenario " + name}}
	}
	options.semantics, options.otherNamespaces = semantics, s.otherNamespaces
	var result runResult
	var env *environment
	result.failures = recordFailures(func(t tb) {
		env = newEnvironment(t, options)
		if s.setup != nil {
			s.setup(env)
		}
		body(t, env, s)
	})
	if env != nil {
		result.log = env.ledger.String()
	}
	return result
}

// runResult is the result of a run.
type runResult struct {
	log      string // the manager's effects
	failures []string
}

func (r runResult) effectLog() string { return r.log }

// failureReport returns the failures, the log and a command that repeats the run, or nothing without failures.
func (r runResult) failureReport(test, name string) string {
	if len(r.failures) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n%s\neffects of the manager:\n%s\nto repeat it:\n  go test ./test/reliability -run %s -replay '%s' -v",
		name, strings.Join(r.failures, "\n"), r.log, test, name)
}
