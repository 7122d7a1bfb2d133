package reliability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// staleMode is how a watch event is disturbed.
type staleMode string

const (
	// freeze holds back all events from this one on until all steps are done, or wait for the manager, and the
	// manager is idle. Then all events arrive in order.
	freeze staleMode = "freeze"
	// delay holds back the event and the later ones of its kind until the manager's next effect.
	delay staleMode = "delay"
	// drop discards the event. A later event of the same object arrives.
	drop staleMode = "drop"
	// older crashes the process at the event. The next process first lists an older snapshot, and receives later events
	// once it is idle.
	older staleMode = "older"
	// gone ends the watch with 410 Gone instead of the event. A relist follows.
	gone staleMode = "gone"
)

var staleModes = []staleMode{freeze, delay, drop, older, gone}

// staleCase identifies a run of the stale sweep: a scenario, and the event that is disturbed. Without a mode, no event
// is disturbed.
type staleCase struct {
	scenario string
	kind     string // "mappings", "accounts" or "secrets"
	k        int    // the number of the event among those of its kind, from 1
	mode     staleMode
	since    int // for older: the snapshot is from just before this event of the kind
}

// String formats the case for -replay.
func (c staleCase) String() string {
	text := fmt.Sprintf("%s/%s=%d/%s", c.scenario, c.kind, c.k, c.mode)
	if c.mode == older {
		text += fmt.Sprintf("/since=%d", c.since)
	}
	return text
}

// parseStaleCase parses the format of String.
func parseStaleCase(text string) (staleCase, error) {
	invalid := fmt.Errorf("%q is not scenario/kind=number/mode, with a mode of %v, and /since=number after %s", text, staleModes, older)
	parts := strings.Split(text, "/")
	if len(parts) < 3 || len(parts) > 4 || (len(parts) == 4) != (parts[2] == string(older)) {
		return staleCase{}, invalid
	}
	kind, number, _ := strings.Cut(parts[1], "=")
	c := staleCase{scenario: parts[0], kind: kind, mode: staleMode(parts[2])}
	var err error
	if c.k, err = strconv.Atoi(number); err != nil || !slices.Contains(staleModes, c.mode) {
		return c, invalid
	}
	if c.mode == older {
		if c.since, err = strconv.Atoi(strings.TrimPrefix(parts[3], "since=")); err != nil || c.since < 1 || c.since > c.k {
			return c, invalid
		}
	}
	return c, nil
}

// staleResult is the result of a stale case.
type staleResult struct {
	staleCase
	runResult
	events       []watchEvent // up to the disturbed event
	wasDisturbed bool
}

// runStaleCase runs a scenario with a disturbed event.
func runStaleCase(c staleCase) staleResult {
	result := staleResult{staleCase: c}
	interceptor := newWatchInterceptor(c)
	options := environmentOptions{newInformer: interceptor.newInformer}
	result.runResult = runScenario(c.scenario, options, func(t tb, env *environment, s scenario) {
		if s.setup != nil {
			env.waitQuiet()
		}
		env.ledger.arm(env.current(), nil)
		interceptor.arm(env)
		s.steps(env)
		interceptor.finishSteps()
		env.waitHistory()
		for _, violation := range env.checkStaleInvariants(s.expected, s.maxRequests(c.mode == older)) {
			t.Errorf("%s", violation)
		}
		result.events, result.wasDisturbed = interceptor.result()
	})
	result.log += "\nwatch events:\n" + interceptor.String()
	return result
}

// waitHistory waits until the history contains the results of all steps, so that the state before them is not taken for
// the final one.
func (env *environment) waitHistory() {
	env.t.Helper()
	var mappings v1alpha1.AgentGroupMappingList
	var accounts v1alpha1.DeepCallAccountList
	for _, list := range []client.ObjectList{&mappings, &accounts} {
		env.must(k8sClient.List(env.ctx, list, client.InNamespace(env.namespaces[0])))
	}
	var existing []client.Object
	for i := range mappings.Items {
		existing = append(existing, &mappings.Items[i])
	}
	for i := range accounts.Items {
		existing = append(existing, &accounts.Items[i])
	}
	env.waitFor("the history is complete", func() string {
		watched := objects(env.history.list())
		for _, obj := range existing {
			if !slices.ContainsFunc(watched, func(version client.Object) bool {
				return version.GetUID() == obj.GetUID() && version.GetResourceVersion() == obj.GetResourceVersion()
			}) {
				return "version " + obj.GetResourceVersion() + " of " + obj.GetName() + " is missing"
			}
		}
		return ""
	})
}

// staleCases returns all cases for the events of an undisturbed run: each mode at each event, but drop only for events
// that are followed by another one of the same object, and older with a snapshot from before each earlier event.
func (r staleResult) staleCases() []staleCase {
	var cases []staleCase
	numbers := map[string]int{}
	for i, e := range r.events {
		numbers[e.kind]++
		k := numbers[e.kind]
		for _, mode := range []staleMode{freeze, delay, gone} {
			cases = append(cases, staleCase{r.scenario, e.kind, k, mode, 0})
		}
		if e.eventType == watch.Modified && hasLater(r.events[i+1:], e) {
			cases = append(cases, staleCase{r.scenario, e.kind, k, drop, 0})
		}
		for since := 1; since <= k; since++ {
			cases = append(cases, staleCase{r.scenario, e.kind, k, older, since})
		}
	}
	return cases
}

func hasLater(events []watchEvent, e watchEvent) bool {
	for _, later := range events {
		if later.kind == e.kind && later.object == e.object && later.eventType != watch.Added {
			return true
		}
	}
	return false
}

func (r staleResult) injected() bool  { return r.mode == "" || r.wasDisturbed }
func (r staleResult) failure() string { return r.failureReport("TestStaleSweep", r.staleCase.String()) }
