package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Some random agents, each with a history of edits, removals, suspensions, lost answers, crashes,
// and groups that vanish and return. After every step, and when all is sent, the promises hold.
func TestWhateverHappensDeepCallEndsUpAsDeclared(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for n := range uint64(1000) {
		s := newStory(rand.New(rand.NewPCG(seed, n)))
		if err := s.play(); err != nil {
			t.Fatalf("seed %d, story %d, where DeepCall replaces: %v\n%s\n%v", seed, n, s.replaces, lines(s.told), err)
		}
	}
}

type story struct {
	*agent
	*rand.Rand
	names int
	told  []string
	// turned is true once a group vanished or returned during the trials of the moment.
	turned bool
}

func newStory(r *rand.Rand) *story {
	s := &story{agent: newAgent(r.IntN(2) == 0), Rand: r}
	s.order = func(m []*mapping) { r.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] }) }
	return s
}

const (
	universe = 5 // groups that exist, one more that does not
	nowhere  = "9"
)

func (s *story) play() error {
	s.unknown[nowhere] = true
	for range 1 + s.IntN(12) {
		s.happen(false)
		for range s.IntN(4) {
			if err := s.callOnce(); err != nil {
				return err
			}
		}
	}
	s.mend()
	calls := 0
	for ; s.step(answered, func() { s.tell(s.lastCall(answered)) }); calls++ {
		if err := s.check(); err != nil {
			return err
		}
		// A removal under trial takes one call for each stop and three more; a change that
		// another one overtook may need a second try.
		if most := 2 * len(s.mappings) * (universe + 4); calls > most {
			return fmt.Errorf("more than %d calls", most)
		}
	}
	return s.finished()
}

func (s *story) tell(text string) { s.told = append(s.told, text) }

func (s *story) wishes() string {
	var fields []string
	for group := 1; group <= universe; group++ {
		if s.IntN(2) == 0 {
			fields = append(fields, fmt.Sprintf("%d=%s", group, []string{"Y", "N"}[s.IntN(2)]))
		}
	}
	if s.IntN(6) == 0 {
		fields = append(fields, nowhere+"=Y")
	}
	return strings.Join(fields, " ")
}

// happen is one event outside of the operator.
func (s *story) happen(inFlight bool) {
	live, _, _ := s.plan()
	if len(live) == 0 || (len(live) < 4 && s.IntN(4) == 0) {
		m := newMapping(fmt.Sprintf("m%d", s.names), 1+s.IntN(4), s.wishes())
		m.Orphan = s.IntN(5) == 0
		s.names++
		s.mappings = append(s.mappings, m)
		s.tell(fmt.Sprintf("%s is created on day %d, orphan %v: %s", m.Owner, m.Created.Day(), m.Orphan, text(m.wishes)))
		return
	}
	m := live[s.IntN(len(live))]
	group := fmt.Sprint(1 + s.IntN(universe))
	switch event := s.IntN(20); {
	case event < 3:
		switch {
		case !s.mayTurn(inFlight): // a stop might be taken for the cause
		case s.unknown[group]:
			delete(s.unknown, group)
			s.tell("group " + group + " returns")
		default:
			s.vanish(group)
			s.tell("group " + group + " vanishes")
		}
	case event < 4:
		s.restart()
		s.tell("the process restarts")
	case m.Removing:
	case event < 6:
		m.remove()
		s.tell(m.Owner + " is removed")
	case event < 9:
		m.suspend(!m.Suspended)
		s.tell(fmt.Sprintf("%s is suspended: %v", m.Owner, m.Suspended))
	case event < 11:
		m.Due = true
		s.tell(m.Owner + " is due")
	default:
		m.edit(s.wishes())
		s.tell(m.Owner + " is edited: " + text(m.wishes))
	}
}

// handsOver is true when the next call takes over a group that is on another's record. Should its
// answer be lost, and the group be claimed back, only the next resync heals that.
func (s *story) handsOver() bool {
	s.report()
	_, claims, changes := s.plan()
	next := Next(claims, changes)
	for i, c := range claims {
		for group := range c.held() {
			if next < 0 || i == next {
				continue
			}
			if _, takes := changes[next].Target[group]; takes {
				return true
			}
		}
	}
	return false
}

// mayTurn is true when a group may vanish or return now. One such event misleads no trial, unless it comes right between
// the refusal of an only stop and the next request; of two, the one can hide the other.
func (s *story) mayTurn(inFlight bool) bool {
	onTrial := s.onTrial()
	between := (inFlight && !onTrial) || slices.ContainsFunc(s.mappings, func(m *mapping) bool {
		return !m.gone && m.trial.Phase == WithoutStops && len(m.trial.Refused) > 0
	})
	if between || (s.turned && onTrial) {
		return false
	}
	s.turned = onTrial
	return true
}

// onTrial is true while a removal is taken apart.
func (s *story) onTrial() bool {
	return slices.ContainsFunc(s.mappings, func(m *mapping) bool {
		return !m.gone && m.trialOf == m.generation && m.trial.Phase != Together
	})
}

func (s *story) callOnce() error {
	what := answered
	if s.IntN(4) == 0 && !s.handsOver() {
		what = fate(1 + s.IntN(3))
	}
	called := s.step(what, func() {
		s.tell(s.lastCall(what))
		if s.IntN(5) == 0 {
			s.happen(true)
		}
	})
	if !called {
		return nil
	}
	return s.check()
}

func (s *story) lastCall(what fate) string {
	if what == lostOnWay {
		return "-> a call for " + s.caller + " is lost on its way"
	}
	verdict := map[bool]string{true: "accepted", false: "refused"}[s.lastAccepted]
	return fmt.Sprintf("-> for %s %s: %s%s", s.caller, s.asked[len(s.asked)-1], verdict, [...]string{"", "", ", its answer lost", ", then a crash"}[what])
}

// mend ends all trouble.
func (s *story) mend() {
	s.unknown = map[string]bool{}
	for _, m := range s.mappings {
		if m.gone {
			continue
		}
		delete(m.wishes, nowhere)
		m.Suspended, m.Due = false, !m.Removing
		m.generation++
	}
	s.tell("all trouble ends")
}

// check holds what is true at every moment.
func (s *story) check() error {
	live, claims, changes := s.plan()
	for group, receives := range s.holds {
		recorded := !receives || s.left[group]
		for _, m := range claims {
			recorded = recorded || m.held()[group]
		}
		if !recorded {
			return fmt.Errorf("group %s receives calls, and is on nobody's record", group)
		}
	}
	for i, m := range live {
		if m.Removing || changes[i].Pending || m.refused == m.generation {
			continue
		}
		for group, receives := range changes[i].Target {
			if holds, has := s.holds[group]; !s.drifted[group] && (!has || holds != receives) {
				return fmt.Errorf("%s counts as applied with %s=%v, while DeepCall has %v (%v)", m.Owner, group, receives, holds, has)
			}
		}
	}
	return nil
}

// finished holds what is true once everything is sent.
func (s *story) finished() error {
	live, _, changes := s.plan()
	declared := map[string]bool{}
	holder := map[string]string{}
	for i, m := range live {
		if m.Removing {
			return fmt.Errorf("the removal of %s has not ended", m.Owner)
		}
		if !maps.Equal(m.Applied, changes[i].Target) || len(m.Attempted) > 0 && len(m.Applied) > 0 {
			return fmt.Errorf("%s has %s on record, attempted %v, for %s", m.Owner, text(m.Applied), m.Attempted, text(changes[i].Target))
		}
		for group := range m.wishes {
			declared[group] = true
		}
		for group, receives := range m.Applied {
			if other, held := holder[group]; held {
				return fmt.Errorf("both %s and %s hold group %s", other, m.Owner, group)
			}
			holder[group] = m.Owner
			if got, has := s.holds[group]; !has || got != receives || m.wishes[group] != receives {
				return fmt.Errorf("DeepCall has %s=%v (%v), %s applied %v", group, got, has, m.Owner, receives)
			}
		}
	}
	for group := range declared {
		if holder[group] == "" {
			return fmt.Errorf("group %s is declared, and nobody holds it", group)
		}
	}
	for group, receives := range s.holds {
		if receives && !declared[group] && !s.left[group] {
			return fmt.Errorf("group %s is declared by nobody, and receives calls", group)
		}
	}
	return nil
}
