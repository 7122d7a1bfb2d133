package reliability

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// readyAsha returns asha, Ready for its third generation.
func readyAsha() *v1alpha1.AgentGroupMapping {
	mapping := asha().Build()
	mapping.Generation = 3
	mapping.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 3},
	}
	return mapping
}

func TestCheckReady(t *testing.T) {
	request := func(accepted bool, groups string) effect {
		return effect{request: true, agent: "7", endpoint: "http://primary", accepted: accepted, groups: parseGroups(groups)}
	}
	toOther := request(true, "90=Y 91=N")
	toOther.endpoint = "http://secondary"
	for name, tc := range map[string]struct {
		effects   []effect
		violation bool
	}{
		"rejects no request":                    {nil, true},
		"rejects an unaccepted request":         {[]effect{request(false, "90=Y 91=N")}, true},
		"rejects a missing group":               {[]effect{request(true, "90=Y")}, true},
		"rejects another value":                 {[]effect{request(true, "90=N 91=N")}, true},
		"rejects another endpoint":              {[]effect{toOther}, true},
		"rejects a value that was changed back": {[]effect{request(true, "90=Y 91=N"), request(true, "90=N 91=N")}, true},
		"allows an accepted request":            {[]effect{request(true, "90=Y 91=N")}, false},
		"allows carried groups":                 {[]effect{request(true, "90=Y 91=N 92=Y")}, false},
		"allows a later request of others":      {[]effect{request(true, "90=Y 91=N"), request(true, "92=Y")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			mapping := readyAsha()
			mapping.Status.AppliedEndpoint = "http://primary"
			expectViolation(t, tc.violation, checkReady(mapping, tc.effects))
		})
	}
}

func expectViolation(t *testing.T, want bool, problems ...string) {
	t.Helper()
	if got := len(problems) > 0 && problems[0] != ""; got != want {
		t.Errorf("got %q, want a violation: %v", problems, want)
	}
}

func TestOutOfOrderRequest(t *testing.T) {
	h := &specHistory{agent: "7", declared: []map[string]string{
		{}, parseGroups("90=Y 91=N"), parseGroups("90=N 91=N"), parseGroups("90=N"),
	}}
	for name, tc := range map[string]struct {
		requests  []string
		violation bool
	}{
		"allows each generation in order":               {[]string{"90=Y 91=N", "90=N 91=N", "90=N 91=N"}, false},
		"allows a skipped generation":                   {[]string{"90=Y 91=N", "90=N"}, false},
		"allows a repeated request":                     {[]string{"90=Y 91=N", "90=Y 91=N", "90=N"}, false},
		"ignores other groups":                          {[]string{"90=N", "92=Y"}, false},
		"rejects the first generation after the second": {[]string{"90=N 91=N", "90=Y 91=N"}, true},
		"rejects an undeclared value":                   {[]string{"90=Y 91=Y"}, true},
		"rejects a removed group that is set again":     {[]string{"90=N", "90=N 91=Y"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			expectViolation(t, tc.violation, outOfOrderRequest(h, map[string]bool{"90": true, "91": true}, parseAll(tc.requests)))
		})
	}
}

func parseAll(requests []string) []map[string]string {
	var groups []map[string]string
	for _, request := range requests {
		groups = append(groups, parseGroups(request))
	}
	return groups
}

func TestOutOfOrderGroups(t *testing.T) {
	asha, ravi := parseGroups("90=Y 91=N"), parseGroups("90=N")
	declarations := [][]map[string]string{{asha}, {parseGroups("91=N")}, {parseGroups("91=N"), ravi}}
	for name, tc := range map[string]struct {
		requests  []string
		violation bool
	}{
		"allows each owner in order":           {[]string{"90=Y 91=N", "90=N 91=N"}, false},
		"allows only the next owner":           {[]string{"90=N"}, false},
		"rejects the former owner's value":     {[]string{"90=Y", "90=N", "90=Y"}, true},
		"rejects an undeclared value":          {[]string{"91=Y"}, true},
		"rejects a group that is not declared": {[]string{"92=Y"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			expectViolation(t, tc.violation, outOfOrderGroups(declarations, parseAll(tc.requests))...)
		})
	}
}

func TestCheckRemovals(t *testing.T) {
	for name, tc := range map[string]struct {
		policy    v1alpha1.RemovalPolicy
		last      string
		violation bool
	}{
		"allows a removed group":                {v1alpha1.RemovalPolicyStopCalls, "93=N", false},
		"rejects a missing removal":             {v1alpha1.RemovalPolicyStopCalls, "91=N", true},
		"allows a missing removal under Orphan": {v1alpha1.RemovalPolicyOrphan, "91=N", false},
	} {
		t.Run(name, func(t *testing.T) {
			previous := readyAsha()
			previous.UID, previous.ResourceVersion, previous.Status.ObservedUID = "asha", "1", "asha"
			previous.Status.AppliedGroups = []v1alpha1.AgentGroup{{GroupID: "93", ReceiveCall: true}}
			added := previous.DeepCopy()
			added.Spec.Groups = append(added.Spec.Groups, previous.Status.AppliedGroups...)
			written := previous.DeepCopy()
			written.Spec.RemovalPolicy = tc.policy
			write := &effect{result: "200 OK"}
			env := &environment{
				history: &history{versions: []version{{mapping: added}, {mapping: previous}}},
				ledger: &ledger{
					effects: []*effect{
						{agent: "7", accepted: true, groups: parseGroups("93=Y")}, {agent: "7", accepted: true, groups: parseGroups(tc.last)}, write,
					},
					ready: []readyWrite{{write, 2, written}},
				},
			}
			expectViolation(t, tc.violation, env.checkRemovals()...)
		})
	}
}

func TestCheckFinalizer(t *testing.T) {
	for name, tc := range map[string]struct {
		policy     v1alpha1.RemovalPolicy
		finalizers []string
		violation  bool
	}{
		"rejects StopCalls without a finalizer":      {v1alpha1.RemovalPolicyStopCalls, nil, true},
		"rejects StopCalls with another's finalizer": {v1alpha1.RemovalPolicyStopCalls, []string{"example.com/other"}, true},
		"allows StopCalls with the finalizer":        {v1alpha1.RemovalPolicyStopCalls, []string{v1alpha1.StopCallsFinalizer}, false},
		"allows Orphan without a finalizer":          {v1alpha1.RemovalPolicyOrphan, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			mapping := readyAsha()
			mapping.Spec.RemovalPolicy, mapping.Finalizers = tc.policy, tc.finalizers
			mapping.Status.AppliedGroups = mapping.Spec.Groups
			expectViolation(t, tc.violation, checkFinalizer(mapping))
		})
	}
}
