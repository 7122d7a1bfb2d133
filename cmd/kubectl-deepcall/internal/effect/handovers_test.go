package effect

import (
	"slices"
	"testing"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestCompute_warns_about_the_order_of_a_handover(t *testing.T) {
	type mappings = []*v1alpha1.AgentGroupMapping
	const first = "mapping support/b takes over group 90 of agent 7 from support/a without a gap if it is applied first. " +
		"Otherwise calls stop in between: apply support/b before support/a is changed or deleted"
	for name, c := range map[string]struct {
		before, applied mappings
		deletes         string // name of a mapping
		want            []string
	}{
		"between existing mappings": {mappings{mapping("a 7 90=Y 91=Y"), mapping("b 7 92=Y")}, mappings{mapping("a 7 91=Y"), mapping("b 7 92=Y 90=Y")}, "", []string{first}},
		"to a new mapping":          {mappings{mapping("a 7 90=Y 91=Y")}, mappings{mapping("a 7 91=Y"), mapping("b 7 90=Y")}, "", []string{first}},
		"of a deleted mapping":      {mappings{mapping("a 7 90=Y"), mapping("b 7 92=Y")}, mappings{mapping("b 7 92=Y 90=Y")}, "a", []string{first}},
		"not to a declared group":   {mappings{mapping("a 7 90=Y 91=Y"), mapping("b 7 90=Y")}, mappings{mapping("a 7 91=Y")}, "", nil},
		"not under Orphan":          {mappings{mapping("a 7 90=Y 91=Y", orphan), mapping("b 7 92=Y")}, mappings{mapping("a 7 91=Y", orphan), mapping("b 7 90=Y")}, "", nil},
		"not without calls":         {mappings{mapping("a 7 90=N 91=Y"), mapping("b 7 92=Y")}, mappings{mapping("a 7 91=Y"), mapping("b 7 92=Y 90=N")}, "", nil},
		"not of a renamed mapping":  {mappings{mapping("a 7 90=Y")}, mappings{mapping("b 7 90=Y")}, "a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			report := effectOf(t, objects(c.before...), Objects{Mappings: c.applied}, c.deletes)
			var got []string
			for _, w := range report.Warnings {
				if w.Reason == HandoverOrder {
					got = append(got, w.Message)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q in\n%s", got, describe(report))
			}
		})
	}
}
