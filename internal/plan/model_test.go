package plan

import (
	"fmt"
	"maps"
	"slices"
)

// deepCall is a model of DeepCall's side of one agent, under one of the two readings of its page.
type deepCall struct {
	// replaces: a request is the whole truth. Otherwise what it leaves out stays.
	replaces bool
	// unknown groups don't exist; a request with one is refused as a whole (1505).
	unknown map[string]bool
	holds   Groups
	// drifted groups were changed behind everybody's back since they were last sent.
	drifted map[string]bool
	// asked are the requests, in order.
	asked        []string
	lastAccepted bool
}

func (d *deepCall) update(request Groups) (accepted bool) {
	d.asked = append(d.asked, text(request))
	defer func() { d.lastAccepted = accepted }()
	if len(request) == 0 {
		return false
	}
	for group := range request {
		if d.unknown[group] {
			return false
		}
	}
	if d.replaces || d.holds == nil {
		d.holds = Groups{}
	}
	maps.Copy(d.holds, request)
	for group := range request {
		delete(d.drifted, group)
	}
	return true
}

// vanish deletes groups in DeepCall.
func (d *deepCall) vanish(groups ...string) {
	for _, group := range groups {
		d.unknown[group], d.drifted[group] = true, true
		delete(d.holds, group)
	}
}

// mapping is a source with its spec, its status and what the process remembers of it, as the
// controller keeps them.
type mapping struct {
	Claims                      // Applied, Attempted and the flags are the record
	wishes               Groups // the spec
	generation, observed int    // of the spec, and of the last verdict
	refused              int    // the generation that DeepCall refused
	doubtful             bool   // an answer was lost
	trial                Trial  // forgotten by a restart
	trialOf              int    // the generation that the trial belongs to
	sure                 bool   // all calls since the attempt was recorded were answered
	inquiry              *Inquiry
	asked                Change // whose refusal the inquiry is about
	askedOf              int    // and the generation
	gone                 bool   // the object exists no more
}

func newMapping(owner string, age int, wishes string) *mapping {
	return &mapping{Claims: Claims{Owner: owner, Created: day(age)}, wishes: groups(wishes), generation: 1}
}

func (m *mapping) edit(wishes string) {
	m.wishes = groups(wishes)
	m.generation++
}

func (m *mapping) suspend(suspended bool) {
	m.Suspended = suspended
	m.generation++
}

func (m *mapping) remove() {
	m.Removing = true
	m.generation++
}

// look is the mapping's claims as of now.
func (m *mapping) look() Claims {
	c := m.Claims
	if !m.Removing {
		c.Declared = m.wishes
	}
	c.Uncertain = m.doubtful || (m.observed > 0 && m.generation > m.observed+1)
	c.Blocked = m.refused == m.generation && !m.Due
	if m.trialOf == m.generation {
		c.Trial = m.trial
	}
	if m.askedOf != m.generation {
		m.inquiry = nil
	}
	return c
}

// agent is an agent with its mappings, and DeepCall behind it.
type agent struct {
	deepCall
	mappings []*mapping
	caller   string
	// order shuffles the mappings, as the cache does; nil leaves them in order.
	order func([]*mapping)
	left  map[string]bool
	clock int
}

func newAgent(replaces bool, mappings ...*mapping) *agent {
	return &agent{deepCall: deepCall{replaces: replaces, unknown: map[string]bool{}, drifted: map[string]bool{}}, mappings: mappings, left: map[string]bool{}}
}

func (a *agent) plan() (live []*mapping, claims []Claims, changes []Change) {
	for _, m := range a.mappings {
		if !m.gone {
			live = append(live, m)
		}
	}
	if a.order != nil {
		a.order(live)
	}
	for _, m := range live {
		claims = append(claims, m.look())
	}
	return live, claims, Plan(claims)
}

// report does what needs no call: it releases, and brings records up to date.
func (a *agent) report() {
	live, claims, changes := a.plan()
	for i, m := range live {
		c := changes[i]
		if m.Orphan {
			a.orphan(claims[i], c)
		}
		for _, group := range c.Lost {
			delete(m.Applied, group)
		}
		switch {
		case m.Removing && (m.Orphan || m.Suspended || c.Empty()):
			if m.Suspended || m.Orphan {
				a.orphan(claims[i], Change{})
			}
			m.gone = true
		case m.Removing:
		case m.Suspended && !c.Still():
			m.doubtful = claims[i].Uncertain && len(m.Applied) > 0
			m.observed = m.generation
		case m.refused != m.generation && c.Still():
			if c.Outdated {
				m.Applied = c.Applied()
			}
			if len(c.Applied()) == 0 {
				m.doubtful = false
			}
			m.observed = m.generation
		}
	}
}

// orphan notes the groups that are left in DeepCall on purpose.
func (a *agent) orphan(s Claims, c Change) {
	for group := range s.held() {
		if _, stays := c.Applied()[group]; !stays {
			a.left[group] = true
		}
	}
}

// fate is what becomes of a call.
type fate int

const (
	answered     fate = iota
	lostOnWay         // the request never arrived, and nobody knows
	lostOnReturn      // the request was applied, and nobody knows
	crashed           // the same, and the process ended before it wrote anything
)

// step makes the next call, if there is one. Something may happen while it is in flight.
func (a *agent) step(what fate, meanwhile func()) bool {
	a.report()
	live, claims, changes := a.plan()
	next := Next(claims, changes)
	if next < 0 {
		return false
	}
	m, s, c := live[next], claims[next], changes[next]
	generation, inquiry := m.generation, m.inquiry
	var call Call
	if inquiry != nil {
		call.Groups = inquiry.Request(claims, changes)
		a.temporary(call.Groups)
	} else {
		if adds := Adds(s, c); len(adds) > 0 {
			m.sure = len(m.Attempted) == 0 || m.sure
			m.Attempted = append(slices.Clone(m.Attempted), adds...)
		}
		call = Request(claims, changes, next)
	}
	a.caller = m.Owner
	accepted := what != lostOnWay && a.update(call.Groups)
	meanwhile()
	switch {
	case what == crashed:
		a.restart()
	case what != answered:
		m.sure, m.trial = false, m.trial.Interrupted()
		if c.Pending {
			m.doubtful, m.observed = true, generation
		}
	case inquiry != nil:
		_, claims, changes := a.plan()
		a.proceed(m, inquiry.Next(claims, changes, accepted))
	default:
		a.settle(m, s, c, call, accepted, generation)
	}
	a.report()
	return true
}

// temporary notes what a step of an inquiry takes out of a DeepCall that replaces.
func (a *agent) temporary(request Groups) {
	for group := range a.holds {
		if _, sent := request[group]; a.replaces && !sent {
			a.drifted[group] = true
		}
	}
}

// run sends everything that is to be sent, and returns how many calls it took.
func (a *agent) run(limit int) (calls int, err error) {
	for a.step(answered, func() {}) {
		if calls++; calls > limit {
			return calls, fmt.Errorf("more than %d calls, the last ones\n%s", limit, lines(a.asked[len(a.asked)-min(10, len(a.asked)):]))
		}
	}
	return calls, nil
}
