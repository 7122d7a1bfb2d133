package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// graceTime is the time in which the operator acts on a new object.
const graceTime = time.Minute

// Passing are the reasons of an account that can end without anyone's action.
var Passing = []string{v1alpha1.ReasonUnreachable, v1alpha1.ReasonPaused, v1alpha1.ReasonTerminating}

// Accounts checks the accounts.
func Accounts(accounts []v1alpha1.DeepCallAccount, now time.Time) []Result {
	var results []Result
	for i := range accounts {
		results = append(results, account(&accounts[i], now)...)
	}
	if len(results) == 0 {
		return []Result{{Check: "accounts", State: OK, Message: "there are none"}}
	}
	return results
}

func account(a *v1alpha1.DeepCallAccount, now time.Time) []Result {
	r := Result{Check: "account", Object: a.Namespace + "/" + a.Name, State: OK}
	summary := reason.Of(a.Status.Conditions, a.Generation)
	if summary.Reason == "" {
		r.Message = "the operator has not acted on the latest change yet"
		if a.Status.ObservedGeneration <= 0 && now.Sub(a.CreationTimestamp.Time) > graceTime {
			r.State, r.Message, r.Remedy = Error, "no operator has acted on the account", notWatched
		}
		return []Result{r}
	}
	r.Message = summary.Reason + ": " + summary.Message
	if !meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionReady) {
		r.State = Error
		if slices.Contains(Passing, summary.Reason) {
			r.State = Warning
		}
		entry, _ := reason.Lookup(summary.Reason)
		r.Remedy = entry.Remedy
	}
	duplicate := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionDuplicate)
	if duplicate == nil {
		return []Result{r}
	}
	entry, _ := reason.Lookup(duplicate.Reason)
	return []Result{r, {Check: "account", Object: r.Object, State: Warning, Message: duplicate.Reason + ": " + duplicate.Message, Remedy: entry.Remedy}}
}

const notWatched = "The cluster's administrator checks that the operator runs, and that it watches this namespace (--watch-namespaces, --watch-label-selector)."

// Mappings checks the mappings: one result for all that are Ready, and one for each reason of the others.
func Mappings(mappings []*v1alpha1.AgentGroupMapping, now time.Time) []Result {
	ready, notReady, ignored := 0, map[string][]string{}, map[string]int{}
	for _, m := range mappings {
		summary := reason.Of(m.Status.Conditions, m.Generation)
		switch {
		case summary.Reason == "" && m.Status.ObservedGeneration <= 0 && now.Sub(m.CreationTimestamp.Time) > graceTime:
			ignored[m.Namespace]++
		case summary.Reason == "":
			why := reason.Pending
			if m.DeletionTimestamp != nil {
				why = reason.Deleting
			}
			notReady[why] = append(notReady[why], m.Namespace+"/"+m.Name)
		case meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionReady):
			ready++
		default:
			notReady[summary.Reason] = append(notReady[summary.Reason], m.Namespace+"/"+m.Name)
		}
	}
	results := []Result{{Check: "mappings", State: OK, Message: fmt.Sprintf("%d of %s Ready", ready, text.Count(len(mappings), "mapping"))}}
	for _, why := range slices.Sorted(maps.Keys(notReady)) {
		results = append(results, mappingsOf(why, notReady[why]))
	}
	for _, namespace := range slices.Sorted(maps.Keys(ignored)) {
		results = append(results, Result{
			Check: "mappings", Object: namespace, State: Error,
			Message: "no operator has acted on " + text.Count(ignored[namespace], "mapping"), Remedy: notWatched,
		})
	}
	return results
}

// maxListed bounds the names in a message.
const maxListed = 3

func mappingsOf(why string, names []string) Result {
	slices.Sort(names)
	entry, _ := reason.Lookup(why)
	r := Result{Check: "mappings", State: Warning, Message: fmt.Sprintf("%s: %s: %s", why, text.Count(len(names), "mapping"), text.List(names, maxListed)), Remedy: entry.Remedy}
	if why == reason.Pending || why == reason.Deleting || why == v1alpha1.ReasonSuspended {
		r.State = OK // it passes, or is intended
		r.Remedy = ""
	}
	return r
}

// Access describes the rights of the caller in a namespace; empty is all namespaces.
type Access struct {
	Namespace string
	// Reads and Changes are the missing rights to read and to change mappings and accounts, such as "list agentgroupmappings".
	Reads, Changes []string
}

// Caller checks the rights of the caller.
func Caller(a Access) Result {
	where := "in all namespaces"
	if a.Namespace != "" {
		where = "in namespace " + a.Namespace
	}
	r := Result{Check: "your rights", State: OK, Message: "you can read and change mappings and accounts " + where}
	switch {
	case len(a.Reads) > 0:
		r.State, r.Message = Error, fmt.Sprintf("you can't %s %s", strings.Join(a.Reads, ", "), where)
		r.Remedy = "The cluster's administrator binds the role view, or edit for changes."
	case len(a.Changes) > 0:
		r.Message = fmt.Sprintf("you can read mappings and accounts %s, but can't %s: that needs the role edit", where, strings.Join(a.Changes, ", "))
	}
	return r
}
