package reliability

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// staleRun is what became of a run with a stale view.
type staleRun struct {
	staleView
	seen     []sighting // in an undisturbed run, every event
	struck   bool
	story    string
	problems []string
}

// playStale plays a scenario with a stale view, or with a clear one if that names no mode.
func playStale(v staleView) staleRun {
	run := staleRun{staleView: v}
	s, semantics, known := find(v.scenario)
	if !known {
		run.problems = []string{"there is no scenario " + v.scenario}
		return run
	}
	view := newSight(nil)
	if v.how != "" {
		view.spoil = &v
	}
	var w *world
	run.problems = try(func(t tb) {
		w = newWorld(t, options{semantics: semantics, newInformer: view.newInformer})
		if s.setup != nil {
			s.setup(w)
			w.untilQuiet()
		}
		w.ledger.arm(w.running(), nil)
		view.arm(w)
		s.act(w)
		view.done()
		w.untilSeen()
		calls := map[string]int{}
		for agent, n := range s.calls {
			calls[agent] = n
			if v.how == older {
				calls[agent] += s.trials[agent]
			}
		}
		for _, broken := range w.checkStale(s.end, calls) {
			t.Errorf("%s", broken)
		}
		run.seen, run.struck = view.outcome()
	})
	if w != nil {
		run.story = w.ledger.String() + "\nwhat it saw:\n" + view.String()
	}
	return run
}

// untilSeen waits until the history tells of every step of the person, so that what was before is not
// taken for the end.
func (w *world) untilSeen() {
	w.t.Helper()
	var mappings v1alpha1.AgentGroupMappingList
	var accounts v1alpha1.DeepCallAccountList
	for _, list := range []client.ObjectList{&mappings, &accounts} {
		w.must(admin.List(w.context, list, client.InNamespace(w.namespaces[0])))
	}
	var present []client.Object
	for i := range mappings.Items {
		present = append(present, &mappings.Items[i])
	}
	for i := range accounts.Items {
		present = append(present, &accounts.Items[i])
	}
	w.until("the watch told of every step", func() string {
		told := objects(w.history.look())
		for _, obj := range present {
			if !slices.ContainsFunc(told, func(version client.Object) bool {
				return version.GetUID() == obj.GetUID() && version.GetResourceVersion() == obj.GetResourceVersion()
			}) {
				return "not of version " + obj.GetResourceVersion() + " of " + obj.GetName()
			}
		}
		return ""
	})
}

// outcome is what the sight has come to.
func (s *sight) outcome() (seen []sighting, struck bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen, s.struck != ""
}

// String is the numbered events, and what became of the view.
func (s *sight) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers := map[string]int{}
	var lines []string
	for _, e := range s.seen {
		numbers[e.kind]++
		lines = append(lines, fmt.Sprintf("  %s=%d  %s %s, version %s", e.kind, numbers[e.kind], e.what, e.object, e.version))
	}
	return strings.Join(append(lines, s.story...), "\n")
}

// staleViews are all that can be made of an undisturbed run: each mode at each event; a drop only of what
// a later event of the same object makes up for; a snapshot from before each event up to the one of the crash.
func (r staleRun) staleViews() []staleView {
	var all []staleView
	numbers := map[string]int{}
	for i, e := range r.seen {
		numbers[e.kind]++
		k := numbers[e.kind]
		for _, how := range []staleness{freeze, delay, gone} {
			all = append(all, staleView{r.scenario, e.kind, k, how, 0})
		}
		if e.what == watch.Modified && hasLater(r.seen[i+1:], e) {
			all = append(all, staleView{r.scenario, e.kind, k, drop, 0})
		}
		for since := 1; since <= k; since++ {
			all = append(all, staleView{r.scenario, e.kind, k, older, since})
		}
	}
	return all
}

func hasLater(events []sighting, e sighting) bool {
	for _, later := range events {
		if later.kind == e.kind && later.object == e.object && later.what != watch.Added {
			return true
		}
	}
	return false
}

func (r staleRun) met() bool { return r.how == "" || r.struck }

func (r staleRun) failure() string {
	return toRepeat("TestStaleSweep", r.staleView.String(), r.story, r.problems)
}
