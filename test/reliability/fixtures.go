package reliability

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

var usableAccount = map[string]string{"acme": readyUsable}

func asha() *testenv.MappingBuilder {
	return testenv.Mapping("asha").Group("90", true).Group("91", false)
}

func ravi(agent string) *testenv.MappingBuilder {
	return testenv.Mapping("ravi").Agent(agent).Group("92", true)
}

// withSynced returns a setup that creates an account and mappings and waits until they are Ready.
func withSynced(mappings ...*testenv.MappingBuilder) func(*environment) {
	return func(env *environment) {
		env.createAccount()
		for _, builder := range mappings {
			mapping := builder.Build()
			env.create(mapping)
			env.waitStatus(mapping.Name, readySynced)
		}
		env.waitFor("the account is usable", func() string {
			return strings.Join(env.unmetAccounts(expectation{accounts: usableAccount}), "; ")
		})
	}
}

type mutation = func(*v1alpha1.AgentGroupMapping)

func setGroup(id string, receiveCall bool) mutation {
	return func(m *v1alpha1.AgentGroupMapping) {
		dropGroup(id)(m)
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: receiveCall})
	}
}

// setGroups sets groups such as "90=Y 91=N".
func setGroups(groups string) mutation {
	return func(m *v1alpha1.AgentGroupMapping) {
		for id, value := range parseGroups(groups) {
			setGroup(id, value == "Y")(m)
		}
	}
}

func flipGroup(id string) mutation {
	return func(m *v1alpha1.AgentGroupMapping) {
		for i := range m.Spec.Groups {
			if group := &m.Spec.Groups[i]; group.GroupID == id {
				group.ReceiveCall = !group.ReceiveCall
			}
		}
	}
}

func dropGroup(id string) mutation {
	return func(m *v1alpha1.AgentGroupMapping) {
		m.Spec.Groups = slices.DeleteFunc(m.Spec.Groups, func(g v1alpha1.AgentGroup) bool { return g.GroupID == id })
	}
}

func setSuspend(suspend bool) mutation {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.Suspend = suspend }
}

func setPolicy(p v1alpha1.RemovalPolicy) mutation {
	return func(m *v1alpha1.AgentGroupMapping) { m.Spec.RemovalPolicy = p }
}

func requestReconcile(at string) mutation {
	return func(m *v1alpha1.AgentGroupMapping) {
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, at)
	}
}
