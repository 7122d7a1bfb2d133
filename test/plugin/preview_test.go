package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// previewed is the part of the JSON of kubectl deepcall diff that these tests read.
type previewed struct {
	Groups []struct {
		AgentID, GroupID, Calls string
		After                   *bool
	}
	Requests []struct {
		AgentID string
		Groups  []v1alpha1.AgentGroup
	}
}

// requests returns the groups of the requests of each agent, in order.
func (p previewed) requests() map[string][]string {
	requests := map[string][]string{}
	for _, r := range p.Requests {
		groups := map[string]string{}
		for _, group := range r.Groups {
			groups[group.GroupID] = map[bool]string{true: "Y", false: "N"}[group.ReceiveCall]
		}
		requests[r.AgentID] = append(requests[r.AgentID], fmt.Sprint(groups))
	}
	return requests
}

// received returns the requests that DeepCall received after the first ones.
func (u *user) received(after int) map[string][]string {
	requests := map[string][]string{}
	for _, r := range u.deepcall.Requests()[after:] {
		requests[r.Agent] = append(requests[r.Agent], fmt.Sprint(r.Groups))
	}
	return requests
}

// generator generates the mappings of several agents, and changes them as users do.
type generator struct {
	*rand.Rand
	namespace string
	agents    []string
	created   int
	mappings  map[string]*v1alpha1.AgentGroupMapping
}

// change edits, deletes, renames and creates mappings.
func (g *generator) change() {
	for _, name := range slices.Sorted(maps.Keys(g.mappings)) {
		m := g.mappings[name].DeepCopy()
		switch g.IntN(8) {
		case 0, 1:
			m.Spec.Groups = g.groups()
		case 2:
			m.Spec.Suspend = !m.Spec.Suspend
		case 3:
			m.Spec.RemovalPolicy = g.policy()
		case 4:
			delete(g.mappings, name)
			continue
		case 5:
			delete(g.mappings, name)
			m.Name = g.name()
		default:
			continue
		}
		g.mappings[m.Name] = m
	}
	for _, agent := range g.agents {
		if g.IntN(3) > 0 {
			continue
		}
		m := testenv.Mapping(g.name()).In(g.namespace).Agent(agent).Build()
		m.Spec.Groups, m.Spec.RemovalPolicy, m.Spec.Suspend = g.groups(), g.policy(), g.IntN(6) == 0
		g.mappings[m.Name] = m
	}
}

// name returns a new name. Names sort by age, so that the order of two mappings that are created in the same second is known.
func (g *generator) name() string {
	g.created++
	return fmt.Sprintf("m%04d", g.created)
}

func (g *generator) groups() []v1alpha1.AgentGroup {
	groups := []v1alpha1.AgentGroup{}
	for _, id := range []string{"90", "91", "92"} {
		if value := g.IntN(3); value < 2 {
			groups = append(groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: value == 1})
		}
	}
	return groups
}

func (g *generator) policy() v1alpha1.RemovalPolicy {
	return []v1alpha1.RemovalPolicy{v1alpha1.RemovalPolicyStopCalls, v1alpha1.RemovalPolicyOrphan}[g.IntN(2)]
}

// manifest returns the mappings as a List.
func (g *generator) manifest() string {
	items := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(g.mappings)) {
		m := g.mappings[name]
		items = append(items, map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "AgentGroupMapping",
			"metadata": map[string]string{"name": m.Name, "namespace": m.Namespace},
			"spec": map[string]any{
				"accountRef": m.Spec.AccountRef, "agentID": m.Spec.AgentID, "groups": m.Spec.Groups,
				"removalPolicy": m.Spec.RemovalPolicy, "suspend": m.Spec.Suspend,
			},
		})
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// apply makes the cluster as the manifest is, while no manager reacts to a part of it.
func (u *user) apply(g *generator) {
	GinkgoHelper()
	stopManager()
	if len(g.mappings) > 0 {
		u.mustRun("kubectl apply -f manifest.json")
	}
	for _, m := range u.mappings() {
		if g.mappings[m.Name] == nil {
			u.mustRun("kubectl delete agm %s --wait=false", m.Name)
		}
	}
	startManager()
}

// unsettled returns the mappings whose deletion or latest generation the operator has not handled.
func (u *user) unsettled() []string {
	var names []string
	for _, m := range u.mappings() {
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		if m.DeletionTimestamp != nil || ready == nil || ready.ObservedGeneration != m.Generation {
			names = append(names, m.Name)
		}
	}
	return names
}

var _ = Describe("R17: kubectl deepcall diff", func() {
	It("prints the requests that DeepCall gets when generated manifests are applied", SpecPriority(1), func() { // starts first, because it takes long
		var agents []string
		for id := 100; id < 125; id++ {
			agents = append(agents, strconv.Itoa(id))
		}
		u := newUser("diff-generated", agents...)
		seed := uint64(GinkgoRandomSeed())
		g := &generator{Rand: rand.New(rand.NewPCG(seed, seed)), namespace: u.namespace, agents: agents, mappings: map[string]*v1alpha1.AgentGroupMapping{}}
		DeferCleanup(func() {
			for _, m := range u.mappings() {
				u.mustRun(`kubectl patch agm %s --type=merge -p '{"spec":{"suspend":false}}'`, m.Name)
			}
		})
		allKinds := []string{"conflict", "handed over", "orphaned", "pending", "starts", "stops", "unchanged"}
		kinds := map[string]int{}
		// Which effects a round has depends on the seed: further rounds follow until each effect was seen.
		for round := 0; round < 6 || len(kinds) < len(allKinds) && round < 30; round++ {
			By(fmt.Sprint("round ", round))
			g.change()
			u.writeFile("manifest.json", g.manifest())
			got := u.run("kubectl deepcall diff -f manifest.json --prune -o json")
			Expect(got.status).To(Equal(1), got.err)
			var preview previewed
			Expect(json.Unmarshal([]byte(got.out), &preview)).To(Succeed())
			before := len(u.deepcall.Requests())
			u.apply(g)
			Eventually(func() map[string][]string { return u.received(before) }).Should(Equal(preview.requests()))
			Eventually(u.unsettled).Should(BeEmpty())
			Expect(u.received(before)).To(Equal(preview.requests()))
			for _, group := range preview.Groups {
				kinds[group.Calls]++
				if group.After != nil {
					Expect(u.deepcall.Agent(group.AgentID)).To(HaveKeyWithValue(group.GroupID, map[bool]string{true: "Y", false: "N"}[*group.After]))
				}
			}
			Expect(u.run("kubectl deepcall diff -f manifest.json --prune")).To(Equal(result{out: "Nothing changes in DeepCall.\n"}))
		}
		Expect(slices.Sorted(maps.Keys(kinds))).To(Equal(allKinds))
	})
})
