package reliability

import (
	"time"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// turn is when DeepCall's groups became others.
type turn struct{ began, ended time.Time }

// turn changes which groups DeepCall knows.
func (p *stage) turn(change func(*deepcalltest.Server)) {
	t := turn{began: time.Now()}
	p.everywhere(change)
	t.ended = time.Now()
	p.turns = append(p.turns, t)
}

// trialTakes is how soon the next call of a trial follows, also on a busy machine.
const trialTakes = time.Second

// misled notes the agents of which a removal was on trial while DeepCall's groups became others. A trial concludes
// from two requests, one that DeepCall refuses and one that it accepts, that what only the one holds does not
// exist (R6). Should some other group return or vanish between the two, it takes a stop for refused by itself
// that was not, and nobody can tell: what was to be stopped may stay.
func (p *stage) misled() {
	for agent, groups := range p.book.everAgent {
		calls := p.server(agent).CallsFor(agent)
		for i := 1; i < len(calls); i++ {
			if before, after := calls[i-1], calls[i]; p.turned(before, after) {
				for id := range groups {
					p.book.loosen(agent, id)
				}
			}
		}
	}
}

// turned is true when two calls in a row, with a refusal among them, had different groups to be judged by.
func (p *stage) turned(before, after deepcalltest.Call) bool {
	if before.Code != 1505 && after.Code != 1505 || after.Start.Sub(before.End) > trialTakes {
		return false
	}
	for _, t := range p.turns {
		if t.ended.After(before.Start) && (after.End.IsZero() || t.began.Before(after.End)) {
			return true
		}
	}
	return false
}
