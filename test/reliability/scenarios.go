package reliability

import (
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// scenarios are what the sweeps perturb.
var scenarios = []scenario{
	{
		name: "create",
		act: func(w *world) {
			w.furnish()
			w.create(asha().Build())
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 1},
	},
	{
		name:         "create-three",
		bothReadings: true,
		setup:        func(w *world) { w.furnish() },
		act: func(w *world) {
			w.create(asha().Build(), ravi("7").Build(), testenv.Mapping("lena").Agent("8").Group("90", true).Build())
		},
		end: ending{
			holds:    map[string]string{"7": "90=Y 91=N 92=Y", "8": "90=Y"},
			mappings: map[string]string{"asha": readySynced, "ravi": readySynced, "lena": readySynced},
			accounts: usable,
		},
		calls: map[string]int{"7": 2, "8": 1},
	},
	{
		name:  "edit",
		setup: with(asha()),
		act:   func(w *world) { w.edit("asha", sets("90", false)) },
		end:   one("asha", "90=N 91=N"),
		calls: map[string]int{"7": 2},
	},
	{
		name:         "edit-with-rider",
		bothReadings: true,
		setup:        with(asha(), ravi("7")),
		act:          func(w *world) { w.edit("asha", sets("90", false)) },
		end:          two("90=N 91=N 92=Y"),
		calls:        map[string]int{"7": 3},
	},
	{
		name:  "edit-and-back",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", sets("90", false))
			w.edit("asha", sets("90", true))
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 3},
	},
	{
		name:  "edit-and-back-when-told",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", sets("90", false))
			w.awaitWord("asha")
			w.edit("asha", sets("90", true))
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 3},
	},
	{
		name:  "edit-and-back-after-the-call",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", sets("90", false))
			w.awaitCall("7", "90=N")
			w.edit("asha", sets("90", true))
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 3},
	},
	{
		name:  "add-group",
		setup: with(asha()),
		act:   func(w *world) { w.edit("asha", sets("93", true)) },
		end:   one("asha", "90=Y 91=N 93=Y"),
		calls: map[string]int{"7": 2},
	},
	{
		name:         "remove-group",
		bothReadings: true,
		setup:        with(asha()),
		act:          func(w *world) { w.edit("asha", drops("90")) },
		end:          one("asha", "91=N"),
		calls:        map[string]int{"7": 2},
	},
	{
		name:  "add-and-remove-group",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", sets("93", true))
			w.edit("asha", drops("93"))
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 3},
	},
	{
		name:  "add-and-remove-group-after-the-call",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", sets("93", true))
			w.awaitCall("7", "93=Y")
			w.edit("asha", drops("93"))
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 3},
	},
	{
		name:  "create-and-delete-after-the-call",
		setup: func(w *world) { w.furnish() },
		act: func(w *world) {
			w.create(asha().Build())
			w.awaitCall("7", "90=Y")
			w.delete("asha")
		},
		end:   ending{accounts: map[string]string{"acme": readyUsable}},
		calls: map[string]int{"7": 2},
	},
	{
		name:         "hand-over",
		bothReadings: true,
		setup:        with(asha(), ravi("7")),
		act: func(w *world) {
			w.edit("asha", drops("90"))
			w.edit("ravi", sets("90", true))
		},
		end:   two("90=Y 91=N 92=Y"),
		calls: map[string]int{"7": 4},
	},
	{
		name:         "hand-over-and-back-after-the-call",
		bothReadings: true,
		setup:        with(asha(), ravi("7")),
		act: func(w *world) {
			w.edit("asha", drops("90"))
			w.edit("ravi", sets("90", false))
			w.awaitCall("7", "90=N")
			w.edit("ravi", drops("90"))
			w.edit("asha", sets("90", true))
		},
		end:   two("90=Y 91=N 92=Y"),
		calls: map[string]int{"7": 7},
	},
	{
		name:         "swap",
		bothReadings: true,
		setup:        with(testenv.Mapping("asha").Group("90", true), testenv.Mapping("ravi").Group("92", true)),
		act: func(w *world) {
			w.edit("asha", func(m *v1alpha1.AgentGroupMapping) { drops("90")(m); sets("92", false)(m) })
			w.edit("ravi", func(m *v1alpha1.AgentGroupMapping) { drops("92")(m); sets("90", false)(m) })
		},
		end:   two("90=N 92=N"),
		calls: map[string]int{"7": 5},
	},
	{
		name:  "create-in-conflict",
		setup: func(w *world) { w.furnish() },
		act:   func(w *world) { w.create(asha().Build(), ravi("7").Group("90", false).Build()) },
		end: ending{
			holds:    map[string]string{"7": "90=Y 91=N 92=Y"},
			mappings: map[string]string{"asha": readySynced, "ravi": "Ready=False Conflict Stalled"},
			accounts: usable,
		},
		calls: map[string]int{"7": 2},
	},
	{
		name:         "conflict-resolved",
		bothReadings: true,
		setup: func(w *world) {
			with(asha())(w)
			w.create(ravi("7").Group("90", false).Build())
			w.await("ravi", "Ready=False Conflict Stalled")
		},
		act:   func(w *world) { w.delete("asha") },
		end:   one("ravi", "90=N 92=Y"),
		calls: map[string]int{"7": 4},
	},
	{
		name:  "rotate-secret",
		setup: with(asha()),
		act: func(w *world) {
			w.deepcall.RotateToken(userID, nextToken)
			w.editSecret("acme", nextToken)
			w.edit("asha", sets("90", false))
		},
		end:   one("asha", "90=N 91=N"),
		calls: map[string]int{"7": 3}, // one more with the old token, if the edit is seen first
	},
	{
		name:  "suspend-edit-resume",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", suspends(true))
			w.edit("asha", sets("90", false))
			w.await("asha", "Ready=False Suspended")
			w.edit("asha", suspends(false))
		},
		end:   one("asha", "90=N 91=N"),
		calls: map[string]int{"7": 2},
	},
	{
		name:         "delete",
		bothReadings: true,
		setup:        with(asha(), ravi("7")),
		act:          func(w *world) { w.delete("asha") },
		end:          one("ravi", "92=Y"),
		calls:        map[string]int{"7": 3},
	},
	{
		name:  "delete-orphan",
		setup: with(asha().Orphan()),
		act:   func(w *world) { w.delete("asha") },
		end:   ending{left: map[string]string{"7": "90=Y"}, accounts: usable},
		calls: map[string]int{"7": 1},
	},
	{
		name:  "delete-at-once",
		setup: with(asha(), ravi("8")),
		act: func(w *world) {
			w.deleteAccount("acme")
			w.delete("asha", "ravi")
			w.restoreSecretIfNeeded()
		},
		calls: map[string]int{"7": 2, "8": 2},
	},
	{
		name:  "delete-and-create",
		setup: with(asha()),
		act: func(w *world) {
			w.delete("asha")
			w.awaitGone("asha")
			w.create(testenv.Mapping("asha").Group("91", true).Group("93", true).Build())
		},
		end:   one("asha", "91=Y 93=Y"),
		calls: map[string]int{"7": 3},
	},
	{
		name:  "resync",
		setup: with(asha()),
		act: func(w *world) {
			w.deepcall.SetAgent("7", map[string]string{"90": "N"})
			w.request("asha", "now")
			w.until("the request is handled", func() string {
				if handled := w.history.mappings()[w.key("asha")].Status.LastHandledReconcileAt; handled != "now" {
					return "not yet"
				}
				return ""
			})
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 2},
	},
	{
		name:  "refused-and-repaired",
		setup: with(asha()),
		act: func(w *world) {
			w.deepcall.RemoveGroups("99")
			w.edit("asha", sets("99", true))
			w.await("asha", "Ready=False InvalidGroupData Stalled")
			w.edit("asha", drops("99"))
		},
		end:    one("asha", "90=Y 91=N"),
		calls:  map[string]int{"7": 3},
		trials: map[string]int{"7": 2}, // whether 99 was added is not sure any more: it is stopped, which is refused
	},
	{
		name:  "switch-endpoint",
		setup: with(asha()),
		act: func(w *world) {
			elsewhere := w.anotherDeepCall()
			w.editAccount("acme", func(account *v1alpha1.DeepCallAccount) { account.Spec.Endpoint = elsewhere })
		},
		end: ending{
			holds: map[string]string{"7": "90=Y 91=N"}, elsewhere: true,
			mappings: map[string]string{"asha": readySynced}, accounts: usable,
		},
		calls: map[string]int{"7": 2},
	},
	{
		name:  "orphan-to-stop",
		setup: with(asha().Orphan()),
		act: func(w *world) {
			w.edit("asha", policy(v1alpha1.RemovalPolicyStopCalls))
			w.edit("asha", drops("90"))
		},
		end:   one("asha", "91=N"),
		calls: map[string]int{"7": 2},
	},
	{
		name:  "stop-to-orphan",
		setup: with(asha()),
		act: func(w *world) {
			w.edit("asha", policy(v1alpha1.RemovalPolicyOrphan))
			w.delete("asha")
		},
		end:   ending{left: map[string]string{"7": "90=Y"}, accounts: usable},
		calls: map[string]int{"7": 1},
	},
}

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

// restoreSecretIfNeeded does what a mapping asks for that can't be deleted since the credentials are
// gone: only a process that has read them before can still use them (R6), and it may have crashed.
func (w *world) restoreSecretIfNeeded() {
	w.t.Helper()
	stuck := false
	w.until("the mappings are gone, or say what they wait for", func() string {
		present := w.history.mappings()
		for _, mapping := range present {
			if w.crashedBefore() && standing(mapping) == "Ready=False AccountNotReady Reconciling" {
				stuck = true
				return ""
			}
		}
		if len(present) > 0 {
			return "they are still there"
		}
		return ""
	})
	if stuck {
		w.create(client.Object(testenv.UserToken("acme", userID, token)))
	}
}
