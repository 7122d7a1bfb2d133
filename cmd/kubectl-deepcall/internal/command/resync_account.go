package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/cmd/kubectl-deepcall/internal/text"
	"github.com/deepcall/deepcall-operator/internal/reason"
)

// accountNames are the names of the accounts' resource in arguments.
var accountNames = []string{"account", "dca", "deepcallaccount", "deepcallaccounts"}

// splitAccounts separates arguments such as account/acme from the names of mappings.
func splitAccounts(args []string) (accounts, mappings []string) {
	for _, arg := range args {
		kind, name, _ := strings.Cut(arg, "/")
		kind, _, _ = strings.Cut(kind, ".")
		switch {
		case name == "" || !slices.Contains(accountNames, strings.ToLower(kind)):
			mappings = append(mappings, arg)
		case !slices.Contains(accounts, name):
			accounts = append(accounts, name)
		}
	}
	return accounts, mappings
}

// accountResync is how far the resync of all mappings of an account is.
type accountResync struct {
	ready             int
	notReady, waiting []*v1alpha1.AgentGroupMapping
}

// newAccountResync returns how far the requested resync of an account is. Mappings that send no request are left out.
func newAccountResync(account *v1alpha1.DeepCallAccount, mappings []*v1alpha1.AgentGroupMapping) accountResync {
	var r accountResync
	requested := account.ResyncRequestedTime()
	for _, m := range mappings {
		why := reason.Of(m.Status.Conditions, m.Generation).Reason
		switch {
		case m.AccountKey().Namespace != account.Namespace || m.AccountKey().Name != account.Name:
		case m.Spec.Suspend || len(m.Spec.Groups)+len(m.Status.AppliedGroups) == 0:
		case why == v1alpha1.ReasonAccountNotPermitted || why == v1alpha1.ReasonConflict && len(m.Status.AppliedGroups) == 0:
			r.notReady = append(r.notReady, m)
		case requested != nil && !requested.Equal(m.Status.HandledResyncTime):
			r.waiting = append(r.waiting, m)
		case isReady(m):
			r.ready++
		default:
			r.notReady = append(r.notReady, m)
		}
	}
	return r
}

// waitForAccount waits until DeepCall has answered for all mappings of an account whose resync was requested. It returns 1 if a
// mapping is not Ready then, or if the request was not handled.
func (o *resyncOptions) waitForAccount(ctx context.Context, info *resource.Info) (failed int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // stops the informers
	changed, errs := make(chan struct{}, 1), make(chan error, 1)
	start, settled := time.Now(), time.After(settleTime)
	stores, err := o.watchAccount(ctx, info, changed, errs)
	for err == nil {
		account, mappings := objectsOf(stores)
		if account == nil {
			fmt.Fprintf(o.ErrOut, "%s was deleted\n", o.displayName(info))
			return 1
		}
		if account.OwnsStatus() && !account.HasUnhandledRequest() {
			progress := newAccountResync(account, mappings)
			if len(progress.waiting) == 0 {
				return o.reportAccount(info, progress)
			}
			if problem := problemOf(account); problem != "" && time.Since(start) >= settleTime {
				o.reportEach(progress.notReady)
				fmt.Fprintf(o.ErrOut, "%s: %s not confirmed: %s\n", o.displayName(info), text.Count(len(progress.waiting), "mapping"), problem)
				return 1
			}
		}
		select {
		case <-ctx.Done():
			o.reportTimeout(ctx, info, account, mappings)
			return 1
		case err = <-errs:
		case <-changed:
		case <-settled:
		}
	}
	fmt.Fprintf(o.ErrOut, "%s: %v\n", o.displayName(info), withHint(err))
	return 1
}

// watchAccount watches an account and the mappings of all namespaces, or only those of its own if others are forbidden.
func (o *resyncOptions) watchAccount(ctx context.Context, info *resource.Info, changed chan<- struct{}, errs chan error) ([]cache.Store, error) {
	namespace, err := o.namespaceOfMappings(ctx, info)
	if err != nil {
		return nil, err
	}
	return o.startInformers(ctx, []objects{
		{resource: accountsResource, kind: &v1alpha1.DeepCallAccount{}, namespace: info.Namespace, fields: "metadata.name=" + info.Name},
		{resource: mappingsResource, kind: &v1alpha1.AgentGroupMapping{}, namespace: namespace},
	}, changed, errs)
}

// namespaceOfMappings returns all namespaces, or that of an account if the caller is not allowed to list the mappings of others. It
// asks before an informer runs, since an informer retries what is forbidden, and reports it each time.
func (o *resyncOptions) namespaceOfMappings(ctx context.Context, account *resource.Info) (string, error) {
	client, err := o.client()
	if err != nil {
		return "", err
	}
	err = client.Get().Resource(mappingsResource).VersionedParams(&metav1.ListOptions{Limit: 1}, metav1.ParameterCodec).Do(ctx).Error()
	if !apierrors.IsForbidden(err) {
		return metav1.NamespaceAll, err
	}
	fmt.Fprintf(o.ErrOut, "warning: waiting only for mappings in namespace %q: needs the right to list and watch %s in all namespaces\n",
		account.Namespace, mappingsResource)
	return account.Namespace, nil
}

func objectsOf(stores []cache.Store) (*v1alpha1.DeepCallAccount, []*v1alpha1.AgentGroupMapping) {
	var account *v1alpha1.DeepCallAccount
	for _, object := range stores[0].List() {
		account = object.(*v1alpha1.DeepCallAccount)
	}
	var mappings []*v1alpha1.AgentGroupMapping
	for _, object := range stores[1].List() {
		mappings = append(mappings, object.(*v1alpha1.AgentGroupMapping))
	}
	return account, mappings
}

func (o *resyncOptions) reportAccount(info *resource.Info, r accountResync) (failed int) {
	o.reportEach(r.notReady)
	out := o.Out
	if len(r.notReady) > 0 {
		out, failed = o.ErrOut, 1
	}
	fmt.Fprintf(out, "%s: %d of %s Ready\n", o.displayName(info), r.ready, text.Count(r.ready+len(r.notReady), "mapping"))
	return failed
}

func (o *resyncOptions) reportTimeout(ctx context.Context, info *resource.Info, account *v1alpha1.DeepCallAccount, mappings []*v1alpha1.AgentGroupMapping) {
	if account.HasUnhandledRequest() || !account.OwnsStatus() {
		fmt.Fprintf(o.ErrOut, "%s was not handled %s; check that the operator is running: kubectl deepcall check\n", o.displayName(info), o.whenEnded(ctx))
		return
	}
	r := newAccountResync(account, mappings)
	o.reportEach(r.notReady)
	fmt.Fprintf(o.ErrOut, "%s: %s not handled %s; check the account: kubectl describe dca %s -n %s\n",
		o.displayName(info), text.Count(len(r.waiting), "mapping"), o.whenEnded(ctx), info.Name, info.Namespace)
}

func (o *resyncOptions) reportEach(mappings []*v1alpha1.AgentGroupMapping) {
	for _, m := range mappings {
		fmt.Fprintf(o.ErrOut, "%s -n %s: %s\n", objectName(m.Name), m.Namespace, describeReady(m))
	}
}
