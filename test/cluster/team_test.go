//go:build cluster

package cluster

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// team is a namespace with an account and mappings. The mapping agent-N declares that agent N receives the calls of
// group 90 or not.
type team struct{ namespace string }

// lastUser is the ID of the last team's user. Accounts with the same user are duplicates.
var lastUser atomic.Int32

// newTeam creates a namespace with an account. The simulator's requests are those of this team from now on.
func newTeam(namespace string) team {
	GinkgoHelper()
	createNamespace(namespace)
	return newTeamIn(namespace)
}

// readyTeam creates the team support with count agents that are Ready. It is removed at the end of the spec.
func readyTeam(count int) team {
	GinkgoHelper()
	t := newTeam("support")
	DeferCleanup(t.remove)
	t.declare(count)
	t.expectReady(count)
	return t
}

// newTeamIn creates an account in an existing namespace.
func newTeamIn(namespace string) team {
	GinkgoHelper()
	ctx := context.Background()
	secret := testenv.UserToken("acme", strconv.Itoa(int(lastUser.Add(1))), "s3cr3t")
	secret.Namespace = namespace
	Expect(admin.Create(ctx, secret)).To(Succeed())
	account := testenv.Account("acme", "https://"+simulatorHost).In(namespace).Limits(1000, 1000, 16).Build()
	account.Spec.CABundle = simulatorCA
	Expect(admin.Create(ctx, account)).To(Succeed())
	resetSimulator()
	return team{namespace}
}

// declare creates the mappings of agents 1 to count, which receive calls.
func (t team) declare(count int) {
	GinkgoHelper()
	for agent := range count {
		id := strconv.Itoa(agent + 1)
		mapping := testenv.Mapping("agent-"+id).In(t.namespace).Agent(id).Group("90", true).Build()
		Expect(admin.Create(context.Background(), mapping)).To(Succeed())
	}
}

// edit declares whether an agent receives calls.
func (t team) edit(agent int, receives bool) error {
	mapping := &v1alpha1.AgentGroupMapping{}
	mapping.Namespace, mapping.Name = t.namespace, fmt.Sprintf("agent-%d", agent)
	patch := fmt.Sprintf(`{"spec":{"groups":[{"groupID":"90","receiveCall":%t}]}}`, receives)
	return admin.Patch(context.Background(), mapping, client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// expectEditSent edits an agent that receives calls, and waits until DeepCall has the change.
func (t team) expectEditSent(agent int) {
	GinkgoHelper()
	Expect(t.edit(agent, false)).To(Succeed())
	Eventually(agents).Should(HaveKeyWithValue(strconv.Itoa(agent), map[string]string{"90": "N"}))
}

// countReady returns the number of Ready mappings that the operator has seen as they are.
func (t team) countReady() int {
	GinkgoHelper()
	var list v1alpha1.AgentGroupMappingList
	Expect(admin.List(context.Background(), &list, client.InNamespace(t.namespace))).To(Succeed())
	ready := 0
	for _, mapping := range list.Items {
		condition := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
		if condition != nil && condition.Status == "True" && condition.ObservedGeneration == mapping.Generation {
			ready++
		}
	}
	return ready
}

// expectReady waits until all mappings are Ready, and expects that no requests of an agent overlapped.
func (t team) expectReady(count int) {
	GinkgoHelper()
	Eventually(t.countReady, "2m").Should(Equal(count))
	for _, request := range requests() {
		Expect(request.Overlaps).To(BeEmpty())
	}
}

// remove deletes the team's mappings and account, and then its namespace, with which the permissions of an operator of chosen
// namespaces are deleted. An operator must run.
func (t team) remove() {
	GinkgoHelper()
	t.removeObjects()
	deleteNamespace(t.namespace)
}

func (t team) removeObjects() {
	GinkgoHelper()
	ctx, inNamespace := context.Background(), client.InNamespace(t.namespace)
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.AgentGroupMapping{}, inNamespace)).To(Succeed())
	Expect(admin.DeleteAllOf(ctx, &v1alpha1.DeepCallAccount{}, inNamespace)).To(Succeed())
	Eventually(func() int {
		var mappings v1alpha1.AgentGroupMappingList
		var accounts v1alpha1.DeepCallAccountList
		Expect(admin.List(ctx, &mappings, inNamespace)).To(Succeed())
		Expect(admin.List(ctx, &accounts, inNamespace)).To(Succeed())
		return len(mappings.Items) + len(accounts.Items)
	}, "2m").Should(BeZero(), "mappings and accounts that are left")
}
