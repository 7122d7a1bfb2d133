package controller_test

import (
	. "github.com/onsi/ginkgo/v2"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// semantics is how the simulated DeepCall of the current spec handles groups that a request omits.
var semantics = deepcalltest.Merge

// describeForAllSemantics describes behavior that does not depend on how DeepCall handles omitted groups.
func describeForAllSemantics(text string, body func()) bool {
	for _, s := range []deepcalltest.Semantics{deepcalltest.Merge, deepcalltest.Replace} {
		Describe(text+", with semantics "+string(s), func() {
			BeforeEach(func() {
				semantics = s
				DeferCleanup(func() { semantics = deepcalltest.Merge })
			})
			body()
		})
	}
	return true
}
