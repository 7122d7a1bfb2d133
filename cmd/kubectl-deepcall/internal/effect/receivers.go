package effect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/natsort"
)

// receivers counts the agents that receive the calls of each group before and after the change.
type receivers map[groupKey]receiverCount

type groupKey struct {
	account types.NamespacedName
	group   string
}

type receiverCount struct{ before, after int }

func (r receivers) add(account types.NamespacedName, before, after map[string]bool) {
	for group, receives := range before {
		if receives {
			key := groupKey{account, group}
			r[key] = receiverCount{r[key].before + 1, r[key].after}
		}
	}
	for group, receives := range after {
		if receives {
			key := groupKey{account, group}
			r[key] = receiverCount{r[key].before, r[key].after + 1}
		}
	}
}

// warnings returns a warning for each group that loses its last receiver, sorted.
func (r receivers) warnings() []Warning {
	var warnings []Warning
	for _, key := range slices.SortedFunc(maps.Keys(r), func(a, b groupKey) int {
		return cmp.Or(compareNames(a.account, b.account), natsort.Compare(a.group, b.group))
	}) {
		if count := r[key]; count.before > 0 && count.after == 0 {
			warnings = append(warnings, Warning{
				Reason: GroupWithoutReceiver, Account: key.account, GroupID: key.group,
				Message: fmt.Sprintf("no agent receives the calls of group %s any more", key.group),
			})
		}
	}
	return warnings
}
