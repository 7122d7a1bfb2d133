package reliability

import (
	"maps"
	"slices"
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

// misled notes the groups whose removal was on trial while DeepCall's groups became others. A trial concludes
// from two requests that differ by one stop alone, one that DeepCall refuses and one that it accepts, that the
// group of that stop does not exist (R6). Should some other group return or vanish between the two, it takes a stop
// for refused by itself that was not, and nobody can tell: what was to be stopped may stay.
func (p *stage) misled() {
	for agent := range p.book.everAgent {
		calls := p.server(agent).CallsFor(agent)
		for i, refused := range calls {
			if refused.Code != 1505 {
				continue
			}
			before := slices.Clone(calls[:i])
			slices.Reverse(before)
			for _, id := range stopsIn(refused) {
				if p.mistaken(refused, id, before) || p.mistaken(refused, id, calls[i+1:]) {
					p.book.loosen(agent, id, p.revision())
				}
			}
		}
	}
}

// mistaken is true when the other request of a trial of a stop had different groups to be judged by. It is the
// nearest that DeepCall answered; when the stop comes again first, there is none.
func (p *stage) mistaken(refused deepcalltest.Call, id string, others []deepcalltest.Call) bool {
	rest := maps.Clone(refused.Groups)
	delete(rest, id)
	for _, other := range others {
		answered := other.Fault == "" && !other.ClientGone && (other.Code == 200 || other.Code == 1505)
		switch {
		case other.Groups[id] != "":
			return false
		case !answered || !maps.Equal(other.Groups, rest):
		case other.Code == 200 && p.turned(refused, other):
			return true
		default:
			return false
		}
	}
	return false
}

// turned is true when DeepCall's groups became others between two calls.
func (p *stage) turned(one, other deepcalltest.Call) bool {
	if other.Start.Before(one.Start) {
		one, other = other, one
	}
	return slices.ContainsFunc(p.turns, func(t turn) bool {
		return t.ended.After(one.Start) && (other.End.IsZero() || t.began.Before(other.End))
	})
}
