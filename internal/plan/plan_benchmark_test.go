package plan

import (
	"fmt"
	"testing"
)

// A plan is made at each look at an agent, a request for each of its calls.

func BenchmarkPlan(b *testing.B) {
	for _, size := range sizes {
		for _, applied := range []bool{false, true} {
			sources := size.sources(applied)
			b.Run(fmt.Sprintf("%s,applied=%t", size, applied), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Next(sources, Plan(sources))
				}
			})
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, size := range sizes {
		sources := size.sources(true)
		sources[0].Applied = nil
		changes := Plan(sources)
		b.Run(size.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Request(sources, changes, 0)
			}
		})
	}
}

// agentSize is how much is claimed of an agent.
type agentSize struct{ mappings, groups int }

var sizes = []agentSize{{1, 3}, {1, 500}, {5, 3}, {5, 500}}

func (s agentSize) String() string { return fmt.Sprintf("mappings=%d,groups=%d", s.mappings, s.groups) }

// sources claim different groups each, which are new, or applied as declared.
func (s agentSize) sources(applied bool) []Claims {
	sources := make([]Claims, s.mappings)
	for i := range sources {
		declared := Groups{}
		for group := range s.groups {
			declared[fmt.Sprint(1000*i+group)] = group%2 == 0
		}
		sources[i] = Claims{Owner: fmt.Sprintf("support/mapping-%d", i), Created: day(i + 1), Declared: declared}
		if applied {
			sources[i].Applied, sources[i].Confirmed = declared, day(20)
		}
	}
	return sources
}
