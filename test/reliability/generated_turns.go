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

// misled notes the groups whose removal was on trial while DeepCall's groups became others twice. A trial concludes
// that the group of a stop does not exist (R6) when DeepCall refuses the stop beside a rest that it accepts both
// before and after. Should another group vanish and return between these two, it takes a stop for refused by itself
// that was not, and nobody can tell: what was to be stopped may stay. So may an only stop, when the next request
// is the rest, and another group returned just before it.
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
				if p.mistaken(refused, id, before, calls[i+1:]) {
					p.book.loosen(agent, id, p.revision())
				}
			}
		}
	}
}

// mistaken is true when DeepCall's groups became others and back again while a stop was on trial.
func (p *stage) mistaken(refused deepcalltest.Call, id string, before, after []deepcalltest.Call) bool {
	rest := maps.Clone(refused.Groups)
	delete(rest, id)
	former, was := taken(rest, id, before)
	latter, is := taken(rest, id, after)
	next := is && len(after) > 0 && after[0].Start.Equal(latter.Start)
	return was && is && p.turned(former, latter) > 1 || next && p.turned(refused, latter) > 0
}

// taken is the first call that DeepCall answered with a yes to the rest, alone or with other stops. When the stop
// was taken with it first, or the rest alone was refused, there is none.
func taken(rest map[string]string, id string, calls []deepcalltest.Call) (deepcalltest.Call, bool) {
	for _, call := range calls {
		carried := maps.Clone(call.Groups)
		maps.DeleteFunc(carried, func(group, _ string) bool { return rest[group] == "" })
		switch {
		case call.Fault != "" || call.ClientGone || !maps.Equal(carried, rest):
		case call.Code == 200:
			return call, call.Groups[id] == ""
		case call.Code == 1505 && maps.Equal(call.Groups, rest):
			return call, false
		}
	}
	return deepcalltest.Call{}, false
}

// turned is how often DeepCall's groups became others between two calls.
func (p *stage) turned(former, latter deepcalltest.Call) int {
	turns := 0
	for _, t := range p.turns {
		if t.ended.After(former.Start) && (latter.End.IsZero() || t.began.Before(latter.End)) {
			turns++
		}
	}
	return turns
}
