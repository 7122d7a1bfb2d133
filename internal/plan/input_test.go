package plan

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

func TestNewInput_compares_targets(t *testing.T) {
	const here, moved = "https://v4-api.deepcall.com", "https://v5-api.deepcall.com"
	const user, another, recreated = "5a17-1001", "5a17-1002", "07e4-1001"
	for name, c := range map[string]struct {
		applied, account                 [2]string // endpoint and hash of the user
		elsewhere, unconfirmed, rejected bool
	}{
		"the same target":                           {[2]string{here, user}, [2]string{here, user}, false, false, true},
		"another notation of the endpoint":          {[2]string{here, user}, [2]string{here + "/", user}, false, false, true},
		"another endpoint":                          {[2]string{here, user}, [2]string{moved, user}, true, false, false},
		"another user":                              {[2]string{here, user}, [2]string{here, another}, true, false, false},
		"a status of an earlier version":            {[2]string{here, ""}, [2]string{here, user}, false, false, true},
		"a session now":                             {[2]string{here, user}, [2]string{here, ""}, false, false, true},
		"a user after a session":                    {[2]string{here, ""}, [2]string{here, another}, false, false, true},
		"a session at another endpoint":             {[2]string{here, ""}, [2]string{moved, ""}, true, false, false},
		"a missing Secret":                          {[2]string{here, user}, [2]string{here, ""}, false, false, true},
		"a missing account":                         {[2]string{here, user}, [2]string{"", ""}, false, false, true},
		"a recreated account":                       {[2]string{here, user}, [2]string{here, recreated}, false, true, false},
		"a recreated account with another endpoint": {[2]string{here, user}, [2]string{moved, recreated}, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
			status := &mapping.Status
			status.AppliedEndpoint, status.AppliedUserHash = c.applied[0], c.applied[1]
			status.RejectedEndpoint, status.RejectedUserHash = c.applied[0], c.applied[1]
			reason.SetConditions(&status.Conditions, reason.Summary{Reason: "InvalidGroupData"}, 1, metav1.Now().Time)
			account := Account{Endpoint: c.account[0], UserHash: c.account[1]}
			in := newInput(Snapshot{Account: account}, Mapping{AgentGroupMapping: mapping}, MappingState{})
			expect(t, "applied elsewhere", in.appliedElsewhere, c.elsewhere)
			expect(t, "unconfirmed", in.unconfirmed, c.unconfirmed)
			expect(t, "rejected", in.rejected, c.rejected)
			status.RejectedEndpoint, status.RejectedUserHash = "", ""
			in = newInput(Snapshot{Account: account}, Mapping{AgentGroupMapping: mapping}, MappingState{})
			expect(t, "rejected by an earlier version", in.rejected, true)
		})
	}
}

func TestPlan_of_a_missing_account_does_not_report_rejected_groups_as_synced(t *testing.T) {
	a := newAgent(true)
	carried, edited := a.add("carried", 1, "1=N 3=Y"), a.add("edited", 2, "5=Y")
	a.runAll(t)
	a.vanish("3")
	edited.edit("5=N")
	a.runAll(t)
	a.account = Account{Reachable: true}
	a.reconcile()
	expect(t, "carried", carried.summary(), reason.AccountNotFound("acme"))
}
