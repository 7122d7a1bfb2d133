package agent

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/dispatch"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// snapshot is the planner's snapshot, extended for the reconciler.
type snapshot struct {
	plan.Snapshot
	account *v1alpha1.DeepCallAccount // nil if there is none
	// accountCached reports whether the cache has the account.
	accountCached bool
	// accountForbidden reports whether the permission for the account's Secret or CA bundle is missing.
	accountForbidden bool
	// configured reports whether the dispatcher has this version of the account. It is set if there is no account, since
	// there is nothing to wait for.
	configured bool
	// isFresh reports whether the cache was at least as new as this process's leadership when the snapshot was loaded.
	isFresh bool
}

// loadSnapshot reads the agent's mappings and its account from the cache, or the assumed objects if these are newer.
func (r *Reconciler) loadSnapshot(ctx context.Context, key v1alpha1.AgentKey) (*snapshot, error) {
	snap := &snapshot{isFresh: r.freshness.isCaughtUp()}
	snap.Key, snap.Now = key, r.Clock.Now()
	assumed := r.Mappings.ByKey(key.String())
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.MatchingFields{agentIndex: key.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the agent's mappings: %w", err)
	}
	if err := r.loadAccount(ctx, snap); err != nil {
		return nil, err
	}
	for i := range list.Items {
		mapping := assumed.Latest(&list.Items[i])
		if mapping.Released() {
			continue
		}
		m, err := r.newMapping(ctx, snap, mapping)
		if err != nil {
			return nil, err
		}
		snap.Mappings = append(snap.Mappings, m)
	}
	return snap, nil
}

// newMapping returns a mapping of the snapshot, whose account must be loaded.
func (r *Reconciler) newMapping(ctx context.Context, snap *snapshot, mapping *v1alpha1.AgentGroupMapping) (plan.Mapping, error) {
	permitted, err := r.Tenancy.Permits(ctx, snap.Key.Account, snap.account, mapping.Namespace)
	if err != nil {
		return plan.Mapping{}, err
	}
	m := plan.NewMapping(mapping, permitted, snap.Now)
	needsRemoval := !m.IsOutside() && mapping.Spec.RemovalPolicy != v1alpha1.RemovalPolicyOrphan
	// An account that can't be read, or not be used meanwhile, is not gone.
	if mapping.DeletionTimestamp != nil && needsRemoval && !snap.Account.CanRemove && !r.Tenancy.Unreadable && !snap.accountForbidden {
		m.NamespaceTerminating, err = r.isTerminating(ctx, mapping.Namespace)
	}
	return m, err
}

// loadAccount adds the account to the snapshot, and its health as the dispatcher has it.
func (r *Reconciler) loadAccount(ctx context.Context, snap *snapshot) error {
	// The values for an account that does not exist.
	snap.configured, snap.Account.Reachable = true, true
	if !r.Tenancy.Watches(snap.Key.Account.Namespace) {
		return nil // accounts of other namespaces are treated as missing
	}
	assumed := r.Accounts.ByKey(snap.Key.Account.String())
	var cached v1alpha1.DeepCallAccount
	err := r.Client.Get(ctx, snap.Key.Account, &cached)
	if apierrors.IsNotFound(err) {
		return r.loadNewAccount(ctx, snap)
	}
	if err != nil {
		return fmt.Errorf("get the account: %w", err)
	}
	snap.account, snap.accountCached = assumed.Latest(&cached), true
	config, ok := r.Dispatcher.Config(snap.Key.Account)
	snap.configured = ok && config.Revision == snap.account.Revision()
	health, _ := r.Dispatcher.Health(snap.Key.Account)
	snap.accountForbidden = health.ConfigError.Reason == v1alpha1.ReasonSecretForbidden || health.ConfigError.Reason == v1alpha1.ReasonCABundleForbidden
	snap.Account = plan.Account{
		Exists: true, Deleting: snap.account.DeletionTimestamp != nil,
		Endpoint: health.Endpoint, UserHash: health.UserHash, Misconfigured: health.ConfigError != dispatch.ConfigError{},
		Reachable: health.Reachable(), Paused: health.Paused, CanRemove: health.CanRemove, Recoveries: health.Recoveries,
		ResyncRequested: snap.account.ResyncRequestedTime(),
	}
	return nil
}

// loadNewAccount reads an account from the API server that is so new that the cache can lack it, so that an account created
// together with the mapping is not reported as missing.
func (r *Reconciler) loadNewAccount(ctx context.Context, snap *snapshot) error {
	var live v1alpha1.DeepCallAccount
	err := r.APIReader.Get(ctx, snap.Key.Account, &live)
	if err == nil && snap.Now.Sub(live.CreationTimestamp.Time).Abs() < cacheLagLimit {
		snap.account, snap.configured = &live, false
		snap.Account.Exists = true
	}
	return client.IgnoreNotFound(err)
}

// isTerminating reports whether the namespace is being deleted. It reports false without permission to read namespaces.
func (r *Reconciler) isTerminating(ctx context.Context, name string) (bool, error) {
	var namespace corev1.Namespace
	err := r.APIReader.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get the namespace: %w", err)
	}
	return namespace.DeletionTimestamp != nil, nil
}
