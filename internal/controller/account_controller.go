package controller

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/account"
	"github.com/deepcall/deepcall-operator/internal/deepcall"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

// AccountReconciler makes accounts usable, and tells in their status how they stand.
type AccountReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Live reads Secrets from the API server; none is cached.
	Live     client.Reader
	Clock    clock.PassiveClock
	Accounts *account.Registry
	Access   Access
	Written  *written
	Events   events.EventRecorder
	Metrics  *metrics.Metrics
	// NewClient makes a client of DeepCall for an account's spec.
	NewClient func(v1alpha1.DeepCallAccountSpec) (*deepcall.Client, error)
	// Counted is true once the mappings that were there at the start are counted.
	Counted func() bool
	// WakeAgents brings all agents of an account back to their reconciler.
	WakeAgents func(context.Context, types.NamespacedName) error

	// told holds, by account, the tidings that its agents were last woken for.
	told sync.Map
}

// tidings are what an account's agents must hear of.
type tidings struct {
	revision string
	held     bool
	ready    bool
	epoch    int
}

// Reconcile reads the account and its Secret, puts them in force, and reports.
func (r *AccountReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if !r.Access.watches(request.Namespace) {
		return reconcile.Result{}, nil
	}
	recalled := r.Written.recall(request.NamespacedName)
	var found v1alpha1.DeepCallAccount
	err := r.Client.Get(ctx, request.NamespacedName, &found)
	if apierrors.IsNotFound(err) {
		r.Accounts.Remove(request.NamespacedName)
		r.told.Delete(request.NamespacedName)
		r.Metrics.Forget(request.NamespacedName)
		return reconcile.Result{}, r.WakeAgents(ctx, request.NamespacedName)
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("get the account: %w", err)
	}
	if !r.Counted() {
		return reconcile.Result{RequeueAfter: staleAfter}, nil
	}
	a := latest(recalled, &found)
	using, err := r.users(ctx, a)
	if err != nil {
		return reconcile.Result{}, err
	}
	if a, err = r.hold(ctx, a, using); err != nil {
		return reconcile.Result{}, r.conflictIsNews(err)
	}
	settings, err := r.settings(ctx, a)
	if err != nil {
		return reconcile.Result{}, err
	}
	standing := r.Accounts.Configure(request.NamespacedName, settings).Standing()
	if err := r.tell(ctx, request.NamespacedName, tidings{settings.Revision, held(a), standing.Ready(), standing.Epoch}); err != nil {
		return reconcile.Result{}, err
	}
	result := reconcile.Result{}
	if standing.Problem.Reason == v1alpha1.ReasonSecretForbidden {
		result.RequeueAfter = forbiddenAfter // no watch tells when the right is granted
	}
	return result, r.conflictIsNews(r.report(ctx, a, standing, using))
}

const forbiddenAfter = time.Minute

// tell wakes the account's agents if there is something new for them. It counts as told only once it is.
func (r *AccountReconciler) tell(ctx context.Context, name types.NamespacedName, news tidings) error {
	if told, ok := r.told.Load(name); ok && told == news {
		return nil
	}
	if err := r.WakeAgents(ctx, name); err != nil {
		return err
	}
	r.told.Store(name, news)
	return nil
}

// conflictIsNews drops a conflict: the change that caused it brings the account back here.
func (r *AccountReconciler) conflictIsNews(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// hold keeps the account while mappings use it, and lets it go when the last removal is told.
func (r *AccountReconciler) hold(ctx context.Context, a *v1alpha1.DeepCallAccount, n users) (*v1alpha1.DeepCallAccount, error) {
	has := hasFinalizer(a, v1alpha1.InUseFinalizer)
	wanted := n.mappings > 0 || n.holding
	if a.DeletionTimestamp != nil {
		wanted = has && n.holding
	}
	if has == wanted {
		return a, nil
	}
	updated := a.DeepCopy()
	if wanted {
		controllerutil.AddFinalizer(updated, v1alpha1.InUseFinalizer)
	} else {
		controllerutil.RemoveFinalizer(updated, v1alpha1.InUseFinalizer)
	}
	patch := client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, updated, patch); err != nil {
		return nil, fmt.Errorf("patch the account's finalizer: %w", err)
	}
	r.Written.remember(updated.DeepCopy())
	// Agents that saw the account as it was before wait to be woken, though what they hear be old tidings.
	r.told.Delete(client.ObjectKeyFromObject(updated))
	return updated, nil
}

// settings reads what the account and its Secret come to.
func (r *AccountReconciler) settings(ctx context.Context, a *v1alpha1.DeepCallAccount) (account.Settings, error) {
	settings := account.Settings{
		UID:      a.UID,
		Revision: revisionOf(a),
		Endpoint: a.Spec.Endpoint,
		Limits: account.Limits{
			RequestsPerSecond: int(a.Spec.Limits.RequestsPerSecond),
			Burst:             int(a.Spec.Limits.Burst),
			MaxInFlight:       int(a.Spec.Limits.MaxInFlight),
		},
	}
	if before := r.Accounts.Get(client.ObjectKeyFromObject(a)); before != nil && before.Settings().Revision == settings.Revision {
		settings.Client, settings.Problem = before.Settings().Client, before.Settings().SpecProblem
	} else {
		settings.Client, settings.Problem = r.newClient(a)
	}
	settings.SpecProblem = settings.Problem

	credentials, problem, err := r.credentials(ctx, a)
	if err != nil {
		return account.Settings{}, err
	}
	settings.Credentials = credentials
	if settings.Problem == (account.Problem{}) {
		settings.Problem = problem
	}
	return settings, nil
}

// revisionOf changes with the object, its spec, and a person's request to try the account again.
func revisionOf(a *v1alpha1.DeepCallAccount) string {
	return string(a.UID) + "/" + strconv.FormatInt(a.Generation, 10) + "@" + a.Annotations[v1alpha1.ReconcileRequestedAtAnnotation]
}

// report writes the account's status, if there is anything to change.
func (r *AccountReconciler) report(ctx context.Context, a *v1alpha1.DeepCallAccount, s account.Standing, n users) error {
	updated := a.DeepCopy()
	status := &updated.Status
	status.Mappings = int32(min(n.mappings, 1<<31-1))
	status.Authentication = s.Authentication
	if s.Answer != nil && (status.LastResponse == nil || status.LastResponse.Code != int64(s.Answer.Code)) {
		status.LastResponse = &v1alpha1.LastResponse{
			Code: int64(s.Answer.Code), Message: s.Answer.Message, Time: metav1.NewTime(r.Clock.Now()),
		}
	}
	accountVerdict(a, s).apply(&status.Conditions, a.Generation, r.Clock.Now())
	status.ObservedGeneration = a.Generation
	if equality.Semantic.DeepEqual(a.Status, *status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, updated); err != nil {
		return fmt.Errorf("write the account's status: %w", err)
	}
	announceAccount(r.Events, a, updated)
	r.Written.remember(updated.DeepCopy())
	return nil
}

// accountVerdict says how an account stands.
func accountVerdict(a *v1alpha1.DeepCallAccount, s account.Standing) verdict {
	switch {
	case s.Problem.Reason == v1alpha1.ReasonSecretNotFound:
		return verdict{reason: s.Problem.Reason, message: s.Problem.Message, progress: v1alpha1.ConditionReconciling}
	case s.Problem.Reason != "":
		return verdict{reason: s.Problem.Reason, message: s.Problem.Message, progress: v1alpha1.ConditionStalled}
	case s.State == account.Refused:
		return refused(s.Cause)
	case s.State == account.Unreachable:
		return verdict{
			reason: v1alpha1.ReasonUnreachable, progress: v1alpha1.ConditionReconciling,
			message: "DeepCall failed to answer several times in a row; one call at a time tries again. The first failure: " +
				s.Cause.Message + ". " + strings.TrimSuffix(s.Cause.Remedy, "."),
		}
	case s.State == account.Untried && !(s.Epoch == 0 && isUsable(a)):
		return verdict{ready: true, reason: v1alpha1.ReasonUntried, message: "DeepCall has not accepted a call with these credentials yet"}
	default:
		return verdict{ready: true, reason: v1alpha1.ReasonUsable, message: "DeepCall accepts the account's calls"}
	}
}

// isUsable is true when the status, perhaps of an earlier process, tells that this spec works.
func isUsable(a *v1alpha1.DeepCallAccount) bool {
	ready := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason == v1alpha1.ReasonUsable && ready.ObservedGeneration == a.Generation
}
