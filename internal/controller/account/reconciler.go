// Package account reconciles DeepCallAccounts.
package account

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/metrics"
)

const (
	// countsRetryInterval is the delay while the mappings are not counted yet.
	countsRetryInterval = 200 * time.Millisecond
	// forbiddenRetryInterval is the delay after a forbidden read of a Secret or a CA bundle, or while ConfigMaps can't be watched. No
	// watch reports that the permission was granted.
	forbiddenRetryInterval = time.Minute
	// configMapsSyncTimeout bounds how long a reconcile waits for the watch of ConfigMaps.
	configMapsSyncTimeout = 10 * time.Second
	// duplicatesRetryInterval is the delay while an account's warning can't be verified.
	duplicatesRetryInterval = time.Second
)

// Options are what a Reconciler depends on.
type Options struct {
	// Client reads from the cache and writes to the API server. APIReader reads Secrets and CA bundles from the API server;
	// none is cached.
	Client     client.Client
	APIReader  client.Reader
	Clock      clock.PassiveClock
	Dispatcher *dispatch.Dispatcher
	Tenancy    tenancy.Tenancy
	// Mappings and Accounts are the assumed objects.
	Mappings *assume.Cache[*v1alpha1.AgentGroupMapping]
	Accounts *assume.Cache[*v1alpha1.DeepCallAccount]
	// Counts counts the mappings, and CountsSynced reports whether those that existed at the start are counted.
	Counts       *MappingCounts
	CountsSynced func() bool
	Recorder     events.EventRecorder
	Metrics      *metrics.Metrics
	// AllowInsecureEndpoints allows http and local addresses. Proxy returns the proxy for an https endpoint, and WrapTransport
	// decorates the transport of requests, if not nil.
	AllowInsecureEndpoints bool
	Proxy                  func(*http.Request) (*url.URL, error)
	WrapTransport          func(http.RoundTripper) http.RoundTripper
	// MaySend returns an error if no request may be sent now.
	MaySend func() error
	// EnqueueAgents enqueues all agents of an account.
	EnqueueAgents func(context.Context, types.NamespacedName) error
}

// Reconciler configures accounts for use, and reports their health in their status.
type Reconciler struct {
	Options
	// announced contains the last announcement of each account.
	announced sync.Map
	// foreignDuplicates contains the accounts that had duplicates in other namespaces when they were last reconciled.
	foreignDuplicates sync.Map
	// configMaps starts the watch of ConfigMaps when the first account needs it. watch returns when the watch has synced.
	configMaps struct {
		sync.Mutex
		watch   func(context.Context) error
		watched bool
	}
}

// NewReconciler returns a Reconciler.
func NewReconciler(options Options) *Reconciler {
	return &Reconciler{Options: options}
}

// Reconcile reads the account, its Secret and its CA bundle, configures the dispatcher, and writes the finalizer and the status.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if !r.Tenancy.Watches(request.Namespace) {
		return reconcile.Result{}, nil
	}
	assumed := r.Accounts.ByKey(request.String())
	var cached v1alpha1.DeepCallAccount
	err := r.Client.Get(ctx, request.NamespacedName, &cached)
	if apierrors.IsNotFound(err) {
		return reconcile.Result{}, r.remove(ctx, request.NamespacedName)
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("get the account: %w", err)
	}
	if !r.CountsSynced() {
		return reconcile.Result{RequeueAfter: countsRetryInterval}, nil
	}
	account := assumed.Latest(&cached)
	usage, err := r.usageOf(ctx, account)
	if err != nil {
		return reconcile.Result{}, err
	}
	if account, err = r.updateFinalizer(ctx, account, usage); err != nil {
		return reconcile.Result{}, ignoreStale(err)
	}
	account, recordErr := r.observeRequest(ctx, account) // returned later: the account works although its status can't be written
	config, err := r.loadConfig(ctx, account)
	if err != nil {
		return reconcile.Result{}, err
	}
	health := r.Dispatcher.Configure(request.NamespacedName, config)
	found, err := r.findDuplicates(ctx, account)
	if err != nil {
		return reconcile.Result{}, err
	}
	if found.ended && recordErr == nil {
		account, recordErr = r.endDuplicate(ctx, account)
	}
	current := announcement{config.Revision, resyncOf(account), isHeld(account), health.Ready(), health.CanRemove, health.Recoveries}
	if err := r.announce(ctx, request.NamespacedName, current); err != nil {
		return reconcile.Result{}, err
	}
	if err := r.writeStatus(ctx, account, health, usage, found); err != nil {
		return reconcile.Result{}, ignoreStale(err)
	}
	if recordErr != nil {
		return reconcile.Result{}, ignoreStale(recordErr)
	}
	r.reportForeign(account, found)
	switch health.ConfigError.Reason {
	case v1alpha1.ReasonSecretForbidden, v1alpha1.ReasonCABundleForbidden:
		return reconcile.Result{RequeueAfter: forbiddenRetryInterval}, nil
	}
	if found.incomplete {
		return reconcile.Result{RequeueAfter: duplicatesRetryInterval}, nil
	}
	if r.missesCABundle(account) {
		return reconcile.Result{RequeueAfter: forbiddenRetryInterval}, nil
	}
	return reconcile.Result{}, nil
}

// remove drops a deleted account, and enqueues its agents.
func (r *Reconciler) remove(ctx context.Context, name types.NamespacedName) error {
	r.Dispatcher.Remove(name)
	r.announced.Delete(name)
	r.foreignDuplicates.Delete(name)
	r.Metrics.DeleteAccount(name)
	return r.EnqueueAgents(ctx, name)
}

// announcement is what an account's agents depend on.
type announcement struct {
	revision string
	// resync identifies the last requested resync of all mappings; zero if there is none.
	resync     int64
	held       bool
	ready      bool
	canRemove  bool
	recoveries int
}

// announce enqueues the account's agents if something changed for them, and then stores the announcement.
func (r *Reconciler) announce(ctx context.Context, name types.NamespacedName, current announcement) error {
	if last, ok := r.announced.Load(name); ok && last == current {
		return nil
	}
	if err := r.EnqueueAgents(ctx, name); err != nil {
		return err
	}
	r.announced.Store(name, current)
	return nil
}

// ignoreStale ignores conflicts and deleted objects: their watch events enqueue the account again.
func ignoreStale(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
