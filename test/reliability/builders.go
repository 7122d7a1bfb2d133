package reliability

import (
	"slices"
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var usable = map[string]string{"acme": readyUsable}

// two is the ending in which asha, ravi and their account are well.
func two(holds string) ending {
	return ending{
		holds:    map[string]string{"7": holds},
		mappings: map[string]string{"asha": readySynced, "ravi": readySynced},
		accounts: usable,
	}
}

func asha() *testenv.MappingBuilder {
	return testenv.Mapping("asha").Group("90", true).Group("91", false)
}

func ravi(agent string) *testenv.MappingBuilder {
	return testenv.Mapping("ravi").Agent(agent).Group("92", true)
}

// with is the setup of an account and mappings that are all well.
func with(mappings ...*testenv.MappingBuilder) func(*world) {
	return func(w *world) {
		w.furnish()
		for _, builder := range mappings {
			mapping := builder.Build()
			w.create(mapping)
			w.await(mapping.Name, readySynced)
		}
		w.until("the account is usable", func() string {
			return strings.Join(w.missingAccounts(ending{accounts: usable}), "; ")
		})
	}
}

type change = func(*v1alpha1.AgentGroupMapping)

func sets(id string, receives bool) change {
	return func(m *v1alpha1.AgentGroupMapping) {
		drops(id)(m)
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receives})
	}
}

func drops(id string) change {
	return func(m *v1alpha1.AgentGroupMapping) {
		m.Spec.Groups = slices.DeleteFunc(m.Spec.Groups, func(g v1alpha1.AgentGroup) bool { return g.GroupID == id })
	}
}

func suspends(suspend bool) change {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = suspend }
}

func policy(p v1alpha1.RemovalPolicy) change {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.RemovalPolicy = p }
}
