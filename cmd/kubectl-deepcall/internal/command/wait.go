package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/check"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

const (
	pollInterval = 300 * time.Millisecond
	// settleTime is longer than a change of an account or its Secret takes to be in force.
	settleTime = 3 * time.Second
)

// interruptible returns a context that the first SIGINT or SIGTERM cancels. The second one terminates the process.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// waitForAll waits until the operator has handled all resync requests. It reports each result and returns the number of
// mappings that are not Ready.
func (o *resyncOptions) waitForAll(ctx context.Context, requested []*resource.Info) (failed int) {
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	var mappings []*resource.Info
	for _, info := range requested {
		if _, ok := info.Object.(*v1alpha1.DeepCallAccount); ok {
			failed += o.waitForAccount(ctx, info)
		} else {
			mappings = append(mappings, info)
		}
	}
	return failed + o.waitForMappings(ctx, mappings)
}

func (o *resyncOptions) waitForMappings(ctx context.Context, waiting []*resource.Info) (failed int) {
	start, problems := time.Now(), map[types.NamespacedName]string{}
	poll := func(ctx context.Context) (bool, error) {
		var remaining []*resource.Info
		for _, info := range waiting {
			switch done, ready := o.report(info, refresh(ctx, info)); {
			case !done:
				remaining = append(remaining, info)
			case !ready:
				failed++
			}
		}
		waiting = remaining
		readProblems(ctx, waiting, problems)
		canBeSent := func(info *resource.Info) bool { return problems[mappingOf(info).AccountKey()] == "" }
		return len(waiting) == 0 || time.Since(start) >= settleTime && !slices.ContainsFunc(waiting, canBeSent), nil
	}
	_ = wait.PollUntilContextCancel(ctx, pollInterval, true, poll) // the rest is reported
	for _, info := range waiting {
		if problem := problems[mappingOf(info).AccountKey()]; problem != "" {
			fmt.Fprintf(o.ErrOut, "%s not confirmed: %s\n", o.displayName(info), problem)
			continue
		}
		fmt.Fprintf(o.ErrOut, "%s was not handled %s; %s%s\n", o.displayName(info), o.whenEnded(ctx), describeReady(mappingOf(info)), accountHint(mappingOf(info)))
	}
	return failed + len(waiting)
}

// readProblems updates the problems of the accounts of mappings, as far as the accounts can be read.
func readProblems(ctx context.Context, mappings []*resource.Info, problems map[types.NamespacedName]string) {
	read := map[types.NamespacedName]bool{}
	for _, info := range mappings {
		key, account := mappingOf(info).AccountKey(), &v1alpha1.DeepCallAccount{}
		if read[key] {
			continue
		}
		read[key] = true
		if err := info.Client.Get().Namespace(key.Namespace).Resource(accountsResource).Name(key.Name).Do(ctx).Into(account); err == nil {
			problems[key] = problemOf(account)
		}
	}
}

// problemOf describes why an account sends nothing until someone acts; empty if that is not so.
func problemOf(account *v1alpha1.DeepCallAccount) string {
	state := reason.Of(account.Status.Conditions, account.Generation)
	if !account.OwnsStatus() || slices.Contains(check.Passing, state.Reason) || !meta.IsStatusConditionFalse(account.Status.Conditions, v1alpha1.ConditionReady) {
		return ""
	}
	return fmt.Sprintf("account %s is %s: %s", account.Name, state.Reason, state.Message)
}

// whenEnded describes the end of a wait without a result.
func (o *resyncOptions) whenEnded(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "within " + o.timeout.String()
	}
	return "before the interrupt"
}

// refresh reads a mapping again. Unlike Info.Get, it can be canceled.
func refresh(ctx context.Context, info *resource.Info) error {
	mapping := &v1alpha1.AgentGroupMapping{}
	err := info.Client.Get().Namespace(info.Namespace).Resource(info.Mapping.Resource.Resource).Name(info.Name).Do(ctx).Into(mapping)
	if err == nil {
		info.Object = mapping
	}
	return err
}

// accountHint returns where to look if the mapping itself is Ready: its status does not show that a resync waits.
func accountHint(mapping *v1alpha1.AgentGroupMapping) string {
	if !isReady(mapping) {
		return ""
	}
	account := mapping.AccountKey()
	return fmt.Sprintf("; check its account: kubectl describe dca %s -n %s", account.Name, account.Namespace)
}

// report prints the result of a resync request that is done.
func (o *resyncOptions) report(info *resource.Info, err error) (done, ready bool) {
	name, mapping := o.displayName(info), mappingOf(info)
	switch {
	case apierrors.IsNotFound(err):
		fmt.Fprintf(o.ErrOut, "%s was deleted\n", name)
	case err != nil:
		return false, false // retried until the timeout
	case mapping.Spec.Suspend:
		fmt.Fprintf(o.ErrOut, "%s is suspended and is not sent; resume it first: kubectl deepcall resume %s -n %s\n", name, info.Name, info.Namespace)
	case mapping.Status.LastHandledReconcileAt != mapping.Annotations[requestedAt]:
		return false, false
	case !isReady(mapping):
		fmt.Fprintf(o.ErrOut, "%s: %s\n", name, describeReady(mapping))
	default:
		fmt.Fprintf(o.Out, "%s: %s\n", name, describeReady(mapping))
		return true, true
	}
	return true, false
}

func isReady(mapping *v1alpha1.AgentGroupMapping) bool {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == mapping.Generation
}

func describeReady(mapping *v1alpha1.AgentGroupMapping) string {
	ready := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return "the operator has not reconciled it yet: check that the operator is running"
	case ready.ObservedGeneration != mapping.Generation:
		return "the operator has not reconciled its latest change yet: check that the operator is running"
	case ready.Status == metav1.ConditionTrue:
		return fmt.Sprintf("Ready, %s: %s", ready.Reason, ready.Message)
	default:
		return fmt.Sprintf("not Ready, %s: %s", ready.Reason, ready.Message)
	}
}
