package reliability

import (
	"fmt"
	"strings"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// scenario is a short story: what there is before, what a person does, and what must be in the end.
type scenario struct {
	name string
	// bothReadings has it played under both readings of DeepCall's page.
	bothReadings bool
	// setup is left in peace.
	setup func(w *world)
	// act is what is perturbed.
	act func(w *world)
	end ending
	// calls for each agent, setup included, are made at most when nothing goes wrong.
	calls map[string]int
	// trials are further calls for each agent that may follow once something went wrong, to find out what
	// DeepCall refuses (R3, R6).
	trials map[string]int
}

// atReplace marks the name of a scenario that is played under the other reading.
const atReplace = "@replace"

// played are the names under which the scenarios are played.
func played() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
		if s.bothReadings {
			names = append(names, s.name+atReplace)
		}
	}
	return names
}

func find(name string) (scenario, deepcalltest.Semantics, bool) {
	semantics := deepcalltest.Merge
	plain, replace := strings.CutSuffix(name, atReplace)
	if replace {
		semantics = deepcalltest.Replace
	}
	for _, s := range scenarios {
		if s.name == plain && (!replace || s.bothReadings) {
			return s, semantics, true
		}
	}
	return scenario{}, "", false
}

// outcome is what became of a run.
type outcome struct {
	perturbation
	// effects of the first process since the act began, and of the one after the first crash.
	effects, afterCrash int
	fired               int
	story               string
	problems            []string
}

// play plays a scenario under strikes.
func play(p perturbation, o options) outcome {
	result := outcome{perturbation: p}
	s, semantics, known := find(p.scenario)
	if !known {
		result.problems = []string{"there is no scenario " + p.scenario}
		return result
	}
	o.semantics = semantics
	var w *world
	problems := try(func(t tb) {
		w = newWorld(t, o)
		if s.setup != nil {
			s.setup(w)
		}
		first := w.running()
		w.ledger.arm(first, p.strikes)
		s.act(w)
		calls := map[string]int{}
		for agent, n := range s.calls {
			calls[agent] = n
			if len(p.strikes) > 0 {
				calls[agent] += s.trials[agent]
			}
		}
		for _, broken := range w.check(s.end, calls) {
			t.Errorf("%s", broken)
		}
		result.effects, result.afterCrash = w.ledger.countOf(first.number), w.ledger.countOf(first.number+1)
	})
	result.problems = problems
	if w != nil {
		result.story, result.fired = w.ledger.String(), len(w.ledger.firedStrikes())
	}
	return result
}

func (r outcome) met() bool { return r.fired == len(r.strikes) }

func (r outcome) failure() string {
	return toRepeat("TestCrashSweep", r.perturbation.String(), r.story, r.problems)
}

// toRepeat says all that is needed to understand and to repeat what went wrong, if anything did.
func toRepeat(test, name, story string, problems []string) string {
	if len(problems) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n%s\nwhat the manager did:\n%s\nto repeat it:\n  go test ./test/reliability -run %s -replay '%s' -v",
		name, strings.Join(problems, "\n"), story, test, name)
}
