package plan

import (
	"fmt"
	"strings"
	"testing"
)

// run sends everything that is to be sent, and returns the number of requests.
func (a *agent) run(limit int) (requests int, err error) {
	for a.step(answered, nothing) {
		if requests++; requests > limit {
			return requests, fmt.Errorf("more than %d requests, the last ones\n%s", limit, lines(a.requests[len(a.requests)-min(10, len(a.requests)):]))
		}
	}
	return requests, nil
}

// runAll sends everything that is to be sent.
func (a *agent) runAll(t *testing.T) {
	t.Helper()
	if _, err := a.run(20); err != nil {
		t.Fatal(err)
	}
}

// expectRequests sends everything that is to be sent, and expects these requests.
func (a *agent) expectRequests(t *testing.T, requests ...string) {
	t.Helper()
	a.requests = nil
	a.runAll(t)
	expect(t, "the requests", strings.Join(a.requests, "; "), strings.Join(requests, "; "))
}

// expectGroups expects DeepCall to have these values. A group that it does not have receives no calls.
func (a *agent) expectGroups(t *testing.T, want string) {
	t.Helper()
	for group, receives := range groups(want) {
		if got := a.groups[group]; got != receives {
			t.Errorf("DeepCall has %s=%v after\n%s", group, got, lines(a.requests))
		}
	}
}
