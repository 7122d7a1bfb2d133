package plan

import (
	"strings"
	"testing"
)

// The agent can still receive calls of the abandoned groups: the owners of agents look for exactly these in DeepCall.
func TestPlan_abandons_removals(t *testing.T) {
	for name, test := range map[string]struct {
		applied string
		prepare func(t *testing.T, a *agent, m *mapping)
		want    string // the groups; "" if nothing is reported
	}{
		"of groups that receive calls":    {"1=Y 2=N 3=Y", nil, "1 3"},
		"without groups that receive any": {"1=N", nil, ""},
		"of a group that a request without an answer may have enabled": {"1=N", func(t *testing.T, a *agent, m *mapping) {
			m.edit("1=Y")
			a.step(answerLost, nothing)
		}, "1"},
		"of a group that a request without an answer may have added": {"1=N", func(t *testing.T, a *agent, m *mapping) {
			m.edit("1=N 2=N")
			a.step(crashed, nothing)
		}, "1 2"},
		"without a group that another mapping has taken over": {"1=Y 2=Y", func(t *testing.T, a *agent, m *mapping) {
			a.add("other", 2, "2=Y")
			former := m.Status
			m.edit("1=Y")
			a.runAll(t)
			m.Status = former // the write after the request of the other one failed
		}, "1"},
	} {
		eachReading(t, name, func(t *testing.T, a *agent) {
			m := a.add("mapping", 1, test.applied)
			a.runAll(t)
			if test.prepare != nil {
				test.prepare(t, a, m)
			}
			m.delete(a.now)
			snapshot := a.snapshot()
			snapshot.Account = Account{}
			snapshot.Mappings[0].NamespaceTerminating = true
			write := Plan(snapshot, a.state).Writes[0]
			if !write.RemoveFinalizer {
				t.Fatal("the mapping is not released")
			}
			expect(t, "abandoned", strings.Join(write.Abandoned, " "), test.want)
		})
	}
}
