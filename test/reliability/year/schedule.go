package year

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// action is a scheduled step, such as an edit or the start of an outage.
type action struct {
	at   time.Duration // since the start
	name string
	run  func(*testEnv)
}

const restartAction = "restart the manager"

// schedule builds the actions of a run. The seed alone determines them.
type schedule struct {
	rng      *rand.Rand
	duration time.Duration
	fixtures []fixture
	actions  []action
}

func newSchedule(seed uint64, days int) []action {
	s := &schedule{rng: rand.New(rand.NewPCG(seed, 5)), duration: time.Duration(days) * day, fixtures: fixtures()}
	s.addFaults(acme, 14*day)
	s.addFaults(beta, 75*day)
	s.addRotations(acme, 8*day+40*minute, 0)
	s.addRotations(beta, 20*day+40*minute, 2)
	s.repeat(7*hour, s.addDrift)
	s.repeat(17*hour, s.addEdit)
	s.repeat(4*day, s.addSuspension)
	s.repeat(5*day, s.addRecreation)
	s.repeat(11*day, s.addGroupDeletion)
	for at := 7 * day; at < s.duration*2/3; at += 7 * day { // the last process runs for a third of the time
		s.add(at-time.Duration(s.rng.Int64N(int64(day))), restartAction, (*testEnv).restart)
	}
	slices.SortStableFunc(s.actions, func(a, b action) int { return int(a.at - b.at) })
	return s.actions
}

func (s *schedule) add(at time.Duration, name string, run func(*testEnv)) {
	s.actions = append(s.actions, action{at, name, run})
}

// addPeriod adds an action and, after d, its end.
func (s *schedule) addPeriod(at, d time.Duration, name string, begin func(*testEnv) (end func())) {
	var end func()
	s.add(at, name, func(e *testEnv) { end = begin(e) })
	s.add(at+d, "end: "+name, func(*testEnv) { end() })
}

// repeat adds actions at random times, from the second day on.
func (s *schedule) repeat(mean time.Duration, add func(at time.Duration)) {
	for at := day; at < s.duration-2*day; at += time.Duration(s.rng.ExpFloat64()*float64(mean)) + minute {
		add(at)
	}
}

func (s *schedule) randomFixture() fixture { return s.fixtures[s.rng.IntN(len(s.fixtures))] }

// addFaults adds faults of an account, one at a time: outages of 3 min to 2 days, and every 120 days a week in
// which the account is denied.
func (s *schedule) addFaults(account types.NamespacedName, firstSuspension time.Duration) {
	nextSuspension := firstSuspension
	for at := 2 * day; at < s.duration-4*day; {
		length, f := time.Duration(float64(3*minute)*math.Pow(960, s.rng.Float64())), outages[s.rng.IntN(len(outages))]
		if at >= nextSuspension {
			length, f = 7*day, suspension
			nextSuspension = at + 120*day
		}
		s.addPeriod(at, length, account.Name+" "+f.name, func(e *testEnv) func() { return e.injectFault(account.Name, f) })
		at += length + 6*hour + time.Duration(s.rng.ExpFloat64()*float64(3*day))
	}
}

// addRotations rotates the account's token every 30 days. Three orders alternate: DeepCall first, both at the
// same time, or the Secret first. A changed Secret is tried at once; that DeepCall accepts a new token is only
// detected by the next probe.
func (s *schedule) addRotations(account types.NamespacedName, first time.Duration, n int) {
	for at := first; at < s.duration-2*day; at += 30 * day {
		n++
		token := fmt.Sprintf("token-%d", n)
		updateSecret := func(e *testEnv) { e.updateToken(account, token) }
		updateDeepCall := func(e *testEnv) { e.simulators[account.Name].rotateToken(token) }
		order, length, recovery := "Secret before DeepCall", 2*hour, recoveryDenied
		steps := []func(*testEnv){updateSecret, updateDeepCall}
		switch n % 3 {
		case 1:
			order, length, recovery = "DeepCall hours before the Secret", 5*hour, recoveryRotated
			slices.Reverse(steps)
		case 2:
			order, length, recovery = "DeepCall and the Secret", 0, recoveryRotated
			slices.Reverse(steps)
		}
		s.addPeriod(at, length, account.Name+" rotates its token: "+order, func(e *testEnv) func() {
			end := e.beginFault(account.Name, fault{name: "rotates its token", suspend: true, recovery: recovery, maxPerHour: maxPerHourDenied})
			steps[0](e)
			return func() {
				steps[1](e)
				end()
			}
		})
		s.add(at+length+recoveryRotated+minute, "check after the rotation", func(e *testEnv) {
			if e.waitUntilIdle() {
				e.checkInvariants()
			}
		})
	}
}

// addDrift changes groups in DeepCall that a mapping declares. Changes of undeclared groups are outside the
// operator's responsibility.
func (s *schedule) addDrift(at time.Duration) {
	f, first, remove := s.randomFixture(), s.rng.IntN(3), s.rng.IntN(2) == 0
	s.add(at, "drift of agent "+f.agent+" of "+f.account.Name, func(e *testEnv) {
		mapping, simulator := e.storedMapping(f), e.simulators[f.account.Name]
		if mapping == nil || mapping.DeletionTimestamp != nil {
			return
		}
		simulator.changeGroups(f.agent, func(groups map[string]string) {
			for _, group := range mapping.Spec.Groups[min(first, len(mapping.Spec.Groups)-1):] {
				if remove {
					delete(groups, group.GroupID)
				} else if value, ok := groups[group.GroupID]; ok {
					groups[group.GroupID] = yesNo(value != "Y")
				}
			}
		})
		e.mu.Lock()
		defer e.mu.Unlock()
		e.updateMismatches(f.account.Name, f.agent, simulator.groups(f.agent))
	})
}

// addEdit changes, adds or removes a group, or requests a resync.
func (s *schedule) addEdit(at time.Duration) {
	f, variant, n := s.randomFixture(), s.rng.IntN(4), 1+s.rng.IntN(6)
	s.add(at, fmt.Sprintf("edit %d of %s", variant, f), func(e *testEnv) {
		e.edit(f.NamespacedName, func(mapping *v1alpha1.AgentGroupMapping) {
			if variant == 3 {
				metav1.SetMetaDataAnnotation(&mapping.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, formatTime(time.Now()))
				return
			}
			changeGroup(mapping, f.group(n), variant == 0)
		})
	})
}

// changeGroup adds a group that isn't declared. A declared group is inverted or removed.
func changeGroup(mapping *v1alpha1.AgentGroupMapping, group string, invert bool) {
	i := slices.IndexFunc(mapping.Spec.Groups, func(g v1alpha1.AgentGroup) bool { return g.GroupID == group })
	switch {
	case i < 0:
		mapping.Spec.Groups = append(mapping.Spec.Groups, v1alpha1.AgentGroup{GroupID: group, ReceiveCall: true})
	case invert:
		mapping.Spec.Groups[i].ReceiveCall = !mapping.Spec.Groups[i].ReceiveCall
	case len(mapping.Spec.Groups) > 1:
		mapping.Spec.Groups = slices.Delete(mapping.Spec.Groups, i, i+1)
	}
}

// addSuspension suspends a mapping for some hours.
func (s *schedule) addSuspension(at time.Duration) {
	f := s.randomFixture()
	length := 2*hour + time.Duration(s.rng.Int64N(int64(30*hour)))
	s.addPeriod(at, length, fmt.Sprintf("suspend %s", f), func(e *testEnv) func() {
		setSuspend := func(suspend bool, until time.Time) {
			e.mu.Lock()
			e.suspendedUntil[f.NamespacedName] = until
			e.mu.Unlock()
			e.edit(f.NamespacedName, func(mapping *v1alpha1.AgentGroupMapping) { mapping.Spec.Suspend = suspend })
		}
		setSuspend(true, time.Now().Add(length))
		return func() { setSuspend(false, time.Now()) }
	})
}

// addRecreation deletes a mapping; recreateDeleted creates it again in its initial state.
func (s *schedule) addRecreation(at time.Duration) {
	f := s.randomFixture()
	s.add(at, fmt.Sprintf("delete and recreate %s", f), func(e *testEnv) {
		mapping := e.storedMapping(f)
		if mapping == nil || mapping.DeletionTimestamp != nil || mapping.Spec.Suspend {
			return
		}
		e.must(e.admin.Delete(e.t.Context(), mapping))
		e.recordEdit(f.NamespacedName)
		e.mu.Lock()
		e.recreations[f.NamespacedName] = f.mapping()
		e.mu.Unlock()
	})
}

// addGroupDeletion deletes a group in DeepCall for up to 41 hours.
func (s *schedule) addGroupDeletion(at time.Duration) {
	f := s.randomFixture()
	group, length := f.group(1+s.rng.IntN(3)), hour+time.Duration(s.rng.Int64N(int64(40*hour)))
	s.addPeriod(at, length, "delete group "+group+" in DeepCall", func(e *testEnv) func() {
		setDeleted := func(deleted bool) {
			simulator := e.simulators[f.account.Name]
			simulator.setGroupDeleted(group, deleted)
			e.mu.Lock()
			defer e.mu.Unlock()
			w := faultWindow{from: time.Now()}
			if !deleted {
				w.from, w.to = e.deletedGroups[group].from, time.Now()
			}
			e.deletedGroups[group] = w
			e.updateMismatches(f.account.Name, f.agent, simulator.groups(f.agent))
		}
		setDeleted(true)
		return func() { setDeleted(false) }
	})
}

// summarize lists the actions except the frequent ones.
func summarize(actions []action) string {
	var lines []string
	for _, a := range actions {
		if !strings.HasPrefix(a.name, "drift") && !strings.HasPrefix(a.name, "edit") {
			lines = append(lines, fmt.Sprintf("day %d: %s", int(a.at/day), a.name))
		}
	}
	return strings.Join(lines, "\n")
}
