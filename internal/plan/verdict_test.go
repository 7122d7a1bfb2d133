package plan

import (
	"slices"
	"time"
)

// What the controller makes of DeepCall's answers, for the model.

// settle takes in DeepCall's answer to a change.
func (a *agent) settle(m *mapping, s Claims, c Change, call Call, accepted bool, generation int) {
	progress, made := Progress{}, true
	if accepted {
		progress = call.Accepted()
	} else {
		progress, made = call.Refused()
	}
	if !made {
		a.refuse(m, c, generation)
		return
	}
	if progress.Done {
		m.forget()
		if s.Removing && len(c.Kept) == 0 {
			m.gone = true
			return
		}
		m.Attempted, m.doubtful, m.Due, m.observed = nil, false, false, generation
	} else {
		m.trial, m.trialOf = progress.Trial, generation
	}
	m.Applied = progress.Applied
	a.clock++
	m.Confirmed = day(0).Add(time.Duration(a.clock))
	m.Elsewhere = m.Elsewhere && !accepted
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
	m.doubtful = m.doubtful || !m.asked.Pending || m.trial.Phase != Together
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
