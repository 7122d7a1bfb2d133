package plan

import (
	"fmt"
	"testing"
)

// A plan is made at each look at an agent, a request for each of its calls.

func BenchmarkPlan(b *testing.B) {
	for _, size := range sizes {
		for _, applied := range []bool{false, true} {
			inputs := size.inputs(applied)
			b.Run(fmt.Sprintf("%s,applied=%t", size, applied), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					nextOf(inputs, computeChanges(inputs), false)
				}
			})
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, size := range sizes {
		inputs := size.inputs(true)
		inputs[0].applied = nil
		changes := computeChanges(inputs)
		b.Run(size.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				newRequest(inputs, changes, 0)
			}
		})
	}
}

// agentSize is how much is claimed of an agent.
type agentSize struct{ mappings, groups int }

var sizes = []agentSize{{1, 3}, {1, 500}, {5, 3}, {5, 500}}

func (s agentSize) String() string { return fmt.Sprintf("mappings=%d,groups=%d", s.mappings, s.groups) }

// inputs claim different groups each, which are new, or applied as declared.
func (s agentSize) inputs(applied bool) []input {
	inputs := make([]input, s.mappings)
	for i := range inputs {
		declared := Groups{}
		for group := range s.groups {
			declared[fmt.Sprint(1000*i+group)] = group%2 == 0
		}
		inputs[i] = input{name: fmt.Sprintf("support/mapping-%d", i), created: day(i + 1), desired: declared}
		if applied {
			inputs[i].applied, inputs[i].confirmedAt = declared, day(20)
		}
	}
	return inputs
}
