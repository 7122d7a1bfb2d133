package command

import (
	"cmp"
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// lookAgainAfter is how often is looked whether a request was handled.
const lookAgainAfter = 300 * time.Millisecond

// waitForAll waits until every request was handled, tells how each came out, and counts those that are not Ready.
func (o *resyncOptions) waitForAll(ctx context.Context, reader client.Reader, waiting []v1alpha1.AgentGroupMapping) (failed int) {
	look := func(ctx context.Context) (bool, error) {
		var still []v1alpha1.AgentGroupMapping
		for i := range waiting {
			mapping := &waiting[i]
			err := reader.Get(ctx, client.ObjectKeyFromObject(mapping), mapping)
			switch over, ready := o.tell(mapping, err); {
			case !over:
				still = append(still, *mapping)
			case !ready:
				failed++
			}
		}
		waiting = still
		return len(still) == 0, nil
	}
	if err := wait.PollUntilContextTimeout(ctx, lookAgainAfter, o.timeout, true, look); err == nil {
		return failed
	}
	within := "within " + o.timeout.String()
	if ctx.Err() != nil {
		within = "before the interruption"
	}
	for i := range waiting {
		fmt.Fprintf(o.ErrOut, "%s was not handled %s; %s%s\n", o.name(&waiting[i]), within, standing(&waiting[i]), whyNot(&waiting[i]))
	}
	return failed + len(waiting)
}

// whyNot says where to look when the mapping's own condition does not tell: a resync that waits leaves it Ready.
func whyNot(mapping *v1alpha1.AgentGroupMapping) string {
	if !isReady(mapping) {
		return ""
	}
	account := mapping.Spec.AccountRef
	return fmt.Sprintf("; its account may be what it waits for: kubectl describe dca %s -n %s", account.Name, cmp.Or(account.Namespace, mapping.Namespace))
}

// tell says how a request came out, once it is over.
func (o *resyncOptions) tell(mapping *v1alpha1.AgentGroupMapping, err error) (over, ready bool) {
	name := o.name(mapping)
	switch {
	case apierrors.IsNotFound(err):
		fmt.Fprintf(o.ErrOut, "%s was deleted\n", name)
	case err != nil:
		return false, false // it may pass; the time-out ends it
	case mapping.Spec.Suspend:
		fmt.Fprintf(o.ErrOut, "%s is suspended, so nothing is sent; resume it first: kubectl deepcall resume %s -n %s\n", name, mapping.Name, mapping.Namespace)
	case mapping.Status.LastHandledReconcileAt != mapping.Annotations[requestedAt]:
		return false, false
	case !isReady(mapping):
		fmt.Fprintf(o.ErrOut, "%s: %s\n", name, standing(mapping))
	default:
		fmt.Fprintf(o.Out, "%s: %s\n", name, standing(mapping))
		return true, true
	}
	return true, false
}

func isReady(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == mapping.Generation
}

// standing is what the Ready condition says.
func standing(mapping *v1alpha1.AgentGroupMapping) string {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return "the operator has not looked at it yet: see that it runs"
	case ready.ObservedGeneration != mapping.Generation:
		return "its latest change is not acted on yet: see that the operator runs"
	case ready.Status == metav1.ConditionTrue:
		return fmt.Sprintf("Ready, %s: %s", ready.Reason, ready.Message)
	default:
		return fmt.Sprintf("not Ready, %s: %s", ready.Reason, ready.Message)
	}
}
