package reliability

import (
	"strings"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// otherNews are scenarios in which groups change hands, mappings go, or accounts change.
var otherNews = []scenario{
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
			w.awaitHandled("asha", "now")
		},
		end:   one("asha", "90=Y 91=N"),
		calls: map[string]int{"7": 2},
	},
	{
		// A new leader that has not heard of ravi yet repeats the request: it must not leave out ravi's groups.
		name:         "newcomer-before-a-retry",
		bothReadings: true,
		setup:        with(asha()),
		act: func(w *world) {
			w.deepcall.Script(deepcalltest.Code(1032).ForAgent("7"))
			w.request("asha", "now")
			w.until("the request fails", func() string {
				for _, e := range w.ledger.look() {
					if strings.HasPrefix(e.outcome, "1032") {
						return ""
					}
				}
				return "not yet"
			})
			w.create(ravi("7").Build())
			w.awaitHandled("asha", "now")
		},
		end:   two("90=Y 91=N 92=Y"),
		calls: map[string]int{"7": 4},
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
