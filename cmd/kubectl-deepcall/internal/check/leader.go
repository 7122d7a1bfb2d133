package check

import (
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"
)

// LeaseName is the name of the operator's lease. With a label selector it has a suffix.
const LeaseName = "deepcall-operator.telephony.deepcall.com"

// Leaders checks the operator's leases.
func Leaders(leases []coordinationv1.Lease, now time.Time) []Result {
	var results []Result
	held := map[string]int{}
	for i := range leases {
		if !strings.HasPrefix(leases[i].Name, LeaseName) {
			continue
		}
		r := leader(&leases[i], now)
		results = append(results, r)
		if r.State == OK {
			held[leases[i].Name]++
		}
	}
	if len(results) == 0 {
		return []Result{{
			Check: "leader", State: Warning, Message: "there is no lease " + LeaseName,
			Remedy: "The cluster's administrator checks that the operator runs. Without --leader-elect it has no lease, and only one replica can run.",
		}}
	}
	if held[LeaseName] > 1 {
		results = append(results, Result{
			Check: "leader", State: Warning, Message: fmt.Sprintf("%d operators have a leader", held[LeaseName]),
			Remedy: "The cluster's administrator uninstalls one of them, or lets them watch different namespaces or labels.",
		})
	}
	return results
}

func leader(lease *coordinationv1.Lease, now time.Time) Result {
	r := Result{Check: "leader", Object: lease.Namespace + "/" + lease.Name, State: OK}
	holder := ptr.Deref(lease.Spec.HolderIdentity, "")
	if holder == "" || lease.Spec.RenewTime == nil {
		r.State, r.Message = Error, "no process holds the lease"
	} else {
		age := now.Sub(lease.Spec.RenewTime.Time)
		r.Message = fmt.Sprintf("%s, renewed %s ago", holder, duration.HumanDuration(age))
		if age > time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 0))*time.Second {
			r.State = Error
			r.Message += ": the lease has expired"
		}
	}
	if r.State != OK {
		r.Remedy = "The cluster's administrator checks that the operator runs, and that this machine's clock is right."
	}
	return r
}
