package reliability

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

func TestAPerturbationReadsAsItIsWritten(t *testing.T) {
	for _, text := range []string{"edit", "edit@replace/k=2/lose-answer", "create/k=5/crash-after/k=1/crash-before"} {
		p, err := parsePerturbation(text)
		if err != nil || p.String() != text {
			t.Errorf("%q is read as %q, %v", text, p, err)
		}
	}
	for _, text := range []string{"edit/k=2", "edit/k=0/crash-after", "edit/2/crash-later", "edit/crash-after/k=1"} {
		if p, err := parsePerturbation(text); err == nil {
			t.Errorf("%q is read as %q", text, p)
		}
	}
}

// readyAsha is asha, Ready for its third generation.
func readyAsha() *v1alpha1.AgentGroupMapping {
	mapping := asha().Build()
	mapping.Generation = 3
	mapping.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 3},
	}
	return mapping
}

func TestReadyTakesAConfirmationThatWasHeard(t *testing.T) {
	call := func(accepted bool, groups string) effect {
		return effect{call: true, agent: "7", endpoint: "http://here", accepted: accepted, groups: parse(groups)}
	}
	elsewhere := call(true, "90=Y 91=N")
	elsewhere.endpoint = "http://there"
	for name, c := range map[string]struct {
		effects []effect
		early   bool
	}{
		"no call":                       {nil, true},
		"a call that was not accepted":  {[]effect{call(false, "90=Y 91=N")}, true},
		"a call without one group":      {[]effect{call(true, "90=Y")}, true},
		"a call with another value":     {[]effect{call(true, "90=N 91=N")}, true},
		"a call to another endpoint":    {[]effect{elsewhere}, true},
		"a later call that took back":   {[]effect{call(true, "90=Y 91=N"), call(true, "90=N 91=N")}, true},
		"the call":                      {[]effect{call(true, "90=Y 91=N")}, false},
		"the call, with others' groups": {[]effect{call(true, "90=Y 91=N 92=Y")}, false},
		"a later call for others":       {[]effect{call(true, "90=Y 91=N"), call(true, "92=Y")}, false},
	} {
		mapping := readyAsha()
		mapping.Status.AppliedEndpoint = "http://here"
		if problem := readyTooEarly(mapping, c.effects); (problem != "") != c.early {
			t.Errorf("after %s: %q", name, problem)
		}
	}
}

func TestAnOlderGenerationAfterANewerOneIsFound(t *testing.T) {
	g := &generations{name: "asha", agent: "7", declared: []map[string]string{
		{}, parse("90=Y 91=N"), parse("90=N 91=N"), parse("90=N"),
	}}
	own := map[string]bool{"90": true, "91": true}
	for name, c := range map[string]struct {
		requests []string
		wrong    bool
	}{
		"each in its turn":             {[]string{"90=Y 91=N", "90=N 91=N", "90=N 91=N"}, false},
		"one left out":                 {[]string{"90=Y 91=N", "90=N"}, false},
		"the same twice":               {[]string{"90=Y 91=N", "90=Y 91=N", "90=N"}, false},
		"others' groups between":       {[]string{"90=N", "92=Y"}, false},
		"the first after the second":   {[]string{"90=N 91=N", "90=Y 91=N"}, true},
		"what was never declared":      {[]string{"90=Y 91=Y"}, true},
		"a group dropped, and started": {[]string{"90=N", "90=N 91=Y"}, true},
	} {
		var requests []map[string]string
		for _, words := range c.requests {
			requests = append(requests, parse(words))
		}
		if problem := outOfOrder(g, own, requests); (problem != "") != c.wrong {
			t.Errorf("%s: %q", name, problem)
		}
	}
}

func TestAValueOfAFormerOwnerIsFound(t *testing.T) {
	asha, ravi := parse("90=Y 91=N"), parse("90=N")
	moments := [][]map[string]string{{asha}, {parse("91=N")}, {parse("91=N"), ravi}}
	for name, c := range map[string]struct {
		requests []string
		wrong    bool
	}{
		"each in its turn":            {[]string{"90=Y 91=N", "90=N 91=N"}, false},
		"what the next declares only": {[]string{"90=N"}, false},
		"the former owner's again":    {[]string{"90=Y", "90=N", "90=Y"}, true},
		"what nobody declared":        {[]string{"91=Y"}, true},
		"a start of what is unknown":  {[]string{"92=Y"}, true},
	} {
		var requests []map[string]string
		for _, words := range c.requests {
			requests = append(requests, parse(words))
		}
		if broken := inTurn(moments, requests); (len(broken) > 0) != c.wrong {
			t.Errorf("%s: %q", name, broken)
		}
	}
}

func TestAFormerGroupThatWasNotStoppedIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		policy    v1alpha1.RemovalPolicy
		last      string
		unstopped bool
	}{
		"stopped":                      {v1alpha1.RemovalPolicyStopCalls, "93=N", false},
		"not stopped":                  {v1alpha1.RemovalPolicyStopCalls, "91=N", true},
		"Orphan, which stops no group": {v1alpha1.RemovalPolicyOrphan, "91=N", false},
	} {
		previous := readyAsha()
		previous.UID, previous.ResourceVersion = "asha", "1"
		previous.Status.AppliedGroups = []v1alpha1.AgentGroup{{GroupID: "93", ReceiveCall: true}}
		added := previous.DeepCopy()
		added.Spec.Groups = append(added.Spec.Groups, previous.Status.AppliedGroups...)
		written := previous.DeepCopy()
		written.Spec.RemovalPolicy = c.policy
		write := &effect{outcome: "200 OK"}
		w := &world{
			history: &history{versions: []version{{mapping: added}, {mapping: previous}}},
			ledger: &ledger{
				effects: []*effect{
					{agent: "7", accepted: true, groups: parse("93=Y")}, {agent: "7", accepted: true, groups: parse(c.last)}, write,
				},
				ready: []readyWrite{{write, 2, written}},
			},
		}
		if broken := w.missingStops(); (len(broken) > 0) != c.unstopped {
			t.Errorf("%s: %q", name, broken)
		}
	}
}

func TestWhatIsReadyIsHeldAtItsDeletion(t *testing.T) {
	for name, c := range map[string]struct {
		policy     v1alpha1.RemovalPolicy
		finalizers []string
		loose      bool
	}{
		"StopCalls without a finalizer":      {v1alpha1.RemovalPolicyStopCalls, nil, true},
		"StopCalls with another's finalizer": {v1alpha1.RemovalPolicyStopCalls, []string{"example.com/other"}, true},
		"StopCalls with the finalizer":       {v1alpha1.RemovalPolicyStopCalls, []string{v1alpha1.StopCallsFinalizer}, false},
		"Orphan, which needs no finalizer":   {v1alpha1.RemovalPolicyOrphan, nil, false},
	} {
		mapping := readyAsha()
		mapping.Spec.RemovalPolicy, mapping.Finalizers = c.policy, c.finalizers
		mapping.Status.AppliedGroups = mapping.Spec.Groups
		if problem := notHeld(mapping); (problem != "") != c.loose {
			t.Errorf("%s: %q", name, problem)
		}
	}
}
