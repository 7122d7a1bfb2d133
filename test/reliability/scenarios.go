package reliability

import (
	"slices"

	"github.com/deepcall/deepcall-operator/test/testenv"
)

// scenarios are what the sweeps perturb.
var scenarios = slices.Concat(edits, otherNews)

// edits are scenarios of mappings whose groups are declared anew, and stay theirs.
var edits = []scenario{
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
}
