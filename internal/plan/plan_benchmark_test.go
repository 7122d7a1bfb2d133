package plan

import (
	"fmt"
	"testing"
)

// BenchmarkComputeChanges plans the inputs of an agent, as at each reconcile.
func BenchmarkComputeChanges(b *testing.B) {
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

func BenchmarkNewRequest(b *testing.B) {
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

// agentSize is the number of mappings of an agent, and of groups of each mapping.
type agentSize struct{ mappings, groups int }

var sizes = []agentSize{{1, 3}, {1, 500}, {5, 3}, {5, 500}}

func (s agentSize) String() string { return fmt.Sprintf("mappings=%d,groups=%d", s.mappings, s.groups) }

// inputs returns inputs with different groups, which are new, or applied as desired.
func (s agentSize) inputs(applied bool) []input {
	inputs := make([]input, s.mappings)
	for i := range inputs {
		desired := Groups{}
		for group := range s.groups {
			desired[fmt.Sprint(1000*i+group)] = group%2 == 0
		}
		inputs[i] = input{name: fmt.Sprintf("support/mapping-%d", i), created: day(i + 1), desired: desired}
		if applied {
			inputs[i].applied, inputs[i].confirmedAt = desired, day(20)
		}
	}
	return inputs
}
