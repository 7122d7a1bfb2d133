package controller_test

import (
	. "github.com/onsi/ginkgo/v2"

	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
)

// everySemantics are the two readings of DeepCall's page on groups that a request leaves out, and
// reading is the one that a spec's DeepCall takes to.
var (
	everySemantics = []deepcalltest.Semantics{deepcalltest.Merge, deepcalltest.Replace}
	reading        = deepcalltest.Merge
)

// underBothReadings describes what must hold whatever DeepCall makes of groups that are left out.
func underBothReadings(text string, body func()) bool {
	for _, semantics := range everySemantics {
		Describe(text+", where DeepCall reads a request as "+string(semantics), func() {
			BeforeEach(func() {
				reading = semantics
				DeferCleanup(func() { reading = deepcalltest.Merge })
			})
			body()
		})
	}
	return true
}
