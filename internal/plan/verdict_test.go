package plan

import "slices"

// What the controller makes of DeepCall's answers, for the model.

// settle takes in DeepCall's answer to a change.
func (a *agent) settle(m *mapping, s Claims, c Change, accepted bool, others, generation int) {
	var next Trial
	goesOn := !accepted || !s.Trial.Through(c.Stops)
	if accepted && goesOn {
		next = s.Trial.Accepted(c.Stops)
	}
	if !accepted {
		if next, goesOn = s.Trial.Refused(c.Stops, others); !goesOn {
			a.refuse(m, c, generation)
			return
		}
	}
	if goesOn && !next.Done(c.Stops) {
		m.trial, m.trialOf = next, generation
		return
	}
	m.forget()
	if s.Removing && len(c.Kept) == 0 {
		m.gone = true
		return
	}
	m.Applied, m.Attempted, m.Elsewhere = c.Applied(), nil, false
	m.doubtful, m.Due, m.observed = false, false, generation
}

// refuse takes in that DeepCall refused a change, or opens an inquiry into it.
func (a *agent) refuse(m *mapping, c Change, generation int) {
	live, claims, changes := a.plan()
	self := slices.Index(live, m)
	m.asked, m.askedOf = c, generation
	if q, open := Inquire(claims, changes, self); open {
		a.proceed(m, q)
		return
	}
	m.blame(!changes[self].Pending)
}

// proceed goes on with an inquiry, or carries out what it found.
func (a *agent) proceed(m *mapping, q Inquiry) {
	if q.Step != Closed {
		m.inquiry = &q
		return
	}
	live, claims, changes := a.plan()
	if guilty := slices.Contains(q.Guilty, m.Owner); guilty || len(q.Guilty) == 0 {
		m.blame(guilty)
	}
	for i, other := range live {
		if other != m && slices.Contains(q.Guilty, other.Owner) {
			other.Elsewhere = true
			if !changes[i].Pending || claims[i].Blocked {
				other.refused, other.observed = other.generation, other.generation
				other.doubtful = other.doubtful || !m.asked.Pending
			}
		}
	}
	m.inquiry = nil
}

// blame writes that DeepCall refuses what a mapping declares, and perhaps what it has applied.
func (m *mapping) blame(alsoApplied bool) {
	if m.sure {
		m.Attempted = nil
	}
	m.doubtful = m.doubtful || !m.asked.Pending
	m.Elsewhere = m.Elsewhere || alsoApplied
	m.refused, m.observed, m.Due = m.askedOf, m.askedOf, false
	m.forget()
}

func (m *mapping) forget() {
	m.trial, m.trialOf, m.inquiry, m.sure = Trial{}, 0, nil, false
}

// restart forgets what no status tells.
func (a *agent) restart() {
	for _, m := range a.mappings {
		m.forget()
	}
}
