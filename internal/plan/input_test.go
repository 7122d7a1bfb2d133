package plan

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

func TestNewInput_compares_endpoints_without_trailing_slashes(t *testing.T) {
	const endpoint = "https://v4-api.deepcall.com"
	for other, same := range map[string]bool{endpoint: true, endpoint + "/": true, endpoint + "/x": false} {
		mapping := &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
		mapping.Status.AppliedEndpoint = endpoint
		reason.SetConditions(&mapping.Status.Conditions, reason.Summary{Reason: "InvalidGroupData"}, 1, metav1.Now().Time)
		in := newInput(Snapshot{Account: Account{Endpoint: other}}, Mapping{AgentGroupMapping: mapping}, MappingState{RejectedAt: endpoint})
		if in.appliedElsewhere == same || in.rejected != same {
			t.Errorf("%s: applied elsewhere %v, rejected %v; want the same endpoint: %v", other, in.appliedElsewhere, in.rejected, same)
		}
	}
}

func TestPlan_of_a_missing_account_does_not_report_rejected_groups_as_synced(t *testing.T) {
	carried, edited := newMapping("carried", 1, "1=N 3=Y"), newMapping("edited", 2, "5=Y")
	a := newAgent(true, carried, edited)
	a.runAll(t)
	a.vanish("3")
	edited.edit("5=N")
	a.runAll(t)
	a.account = Account{Reachable: true}
	a.reconcile()
	expectSummary(t, carried, reason.AccountNotFound("acme"))
}
