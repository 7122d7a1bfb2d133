package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// errNotCurrent is returned when the cache lags behind the API server. News is on its way.
var errNotCurrent = errors.New("the cache lags behind the API server")

// assertCurrent makes sure that what a call would be made from is as the API server has it. The cache of a new
// leader may lag behind the last writes of the former one, whose calls would be repeated, perhaps over a newer one,
// or without the groups of a mapping that the cache does not know yet. So all mappings are compared once; and one by
// one those that were not there then, and the accounts. Once that is done, nobody but this process writes what a call
// depends on; that a person's edit comes late does no harm.
func (r *AgentReconciler) assertCurrent(ctx context.Context, v *view) error {
	if err := r.catchUp(ctx, v); err != nil {
		return err
	}
	for _, m := range v.members {
		if r.Written.isCurrent(m.mapping) {
			continue
		}
		if err := r.compareMapping(ctx, m.mapping); err != nil {
			return err
		}
		r.Written.madeCurrent(m.mapping)
	}
	if r.Written.isCurrent(v.account) {
		return nil
	}
	if err := r.compareAccount(ctx, v.account); err != nil {
		return err
	}
	r.Written.madeCurrent(v.account)
	return nil
}

// inherited are the mappings that the cache did not have as new as the API server when this process began to call.
type inherited struct {
	listing sync.Mutex // of who asks; others come back later
	asked   atomic.Bool

	mu     sync.Mutex
	behind map[AgentKey][]ref
}

// ref is a version of a mapping.
type ref struct {
	name    types.NamespacedName
	uid     types.UID
	version string
}

// compare finds out, once, which mappings the cache does not have as new as the API server. It begins as soon as this
// process leads, so that the first calls need not wait for it.
func (r *AgentReconciler) compare(ctx context.Context) error {
	left := &r.inherited
	if left.asked.Load() {
		return nil
	}
	if !left.listing.TryLock() {
		return errNotCurrent
	}
	defer left.listing.Unlock()
	if left.asked.Load() {
		return nil // by another one, in between
	}
	behind, err := r.listBehind(ctx)
	if err != nil {
		return fmt.Errorf("compare the cache with the API server: %w", err)
	}
	left.behind = behind
	left.asked.Store(true)
	return nil
}

// compareEarly runs once this process leads. If it fails, the first call tries again.
func (r *AgentReconciler) compareEarly(ctx context.Context) error {
	if err := r.compare(ctx); err != nil {
		log.FromContext(ctx).V(1).Info("the cache could not be compared with the API server yet", "cause", err.Error())
	}
	return nil
}

// catchUp returns errNotCurrent until the cache has each mapping of an agent as new as the former leader left it, and the
// view was gathered from that: the cache may have caught up only since.
func (r *AgentReconciler) catchUp(ctx context.Context, v *view) error {
	if err := r.compare(ctx); err != nil {
		return err
	}
	if !v.compared {
		return errNotCurrent
	}
	left := &r.inherited
	left.mu.Lock()
	behind := left.behind[v.key]
	left.mu.Unlock()
	for _, missed := range behind {
		caughtUp, err := r.hasCaughtUp(ctx, missed)
		if err != nil {
			return err
		}
		if !caughtUp {
			return errNotCurrent
		}
	}
	if len(behind) == 0 {
		return nil
	}
	left.mu.Lock()
	delete(left.behind, v.key)
	left.mu.Unlock()
	return errNotCurrent
}

// listBehind asks the API server for the versions of all mappings, and returns those that the cache does not have as new.
func (r *AgentReconciler) listBehind(ctx context.Context) (map[AgentKey][]ref, error) {
	behind := map[AgentKey][]ref{}
	for _, options := range r.Access.lists() {
		for next := ""; ; {
			page := append(slices.Clone(options), client.Limit(pageSize), client.Continue(next))
			versions := &metav1.PartialObjectMetadataList{}
			versions.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
			if err := r.Live.List(ctx, versions, page...); err != nil {
				return nil, fmt.Errorf("list the mappings' versions: %w", err)
			}
			old := map[types.UID]bool{}
			for i := range versions.Items {
				if listed := refOf(&versions.Items[i]); !r.cachedAsNew(ctx, listed) {
					old[listed.uid] = true
				}
			}
			if len(old) > 0 {
				if err := r.findBehind(ctx, behind, old, page); err != nil {
					return nil, err
				}
			}
			if next = versions.Continue; next == "" {
				break
			}
		}
	}
	return behind, nil
}

// findBehind adds those of a page that the cache does not have as new to their agents'. If one is not on that page any
// more, the pages have shifted, and errNotCurrent is returned.
func (r *AgentReconciler) findBehind(
	ctx context.Context, behind map[AgentKey][]ref, old map[types.UID]bool, page []client.ListOption,
) error {
	var live v1alpha1.AgentGroupMappingList
	if err := r.Live.List(ctx, &live, page...); err != nil {
		return fmt.Errorf("list the mappings: %w", err)
	}
	for i := range live.Items {
		delete(old, live.Items[i].UID)
		if found := refOf(&live.Items[i]); !r.cachedAsNew(ctx, found) {
			key := agentOf(&live.Items[i])
			behind[key] = append(behind[key], found)
		}
	}
	if len(old) > 0 {
		return errNotCurrent
	}
	return nil
}

func refOf(obj client.Object) ref {
	return ref{name: client.ObjectKeyFromObject(obj), uid: obj.GetUID(), version: obj.GetResourceVersion()}
}

// pageSize bounds the memory that a list takes.
const pageSize = 500

func (r *AgentReconciler) cachedAsNew(ctx context.Context, live ref) bool {
	var cached v1alpha1.AgentGroupMapping
	if err := r.Client.Get(ctx, live.name, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(cached.ResourceVersion, live.version)
	if err != nil || cached.UID != live.uid || order < 0 {
		return false
	}
	r.Written.madeCurrent(&cached)
	return true
}

// hasCaughtUp is true also once the mapping is gone: the cache need not ever have had it.
func (r *AgentReconciler) hasCaughtUp(ctx context.Context, behind ref) (bool, error) {
	if r.cachedAsNew(ctx, behind) {
		return true, nil
	}
	live, err := r.listLive(ctx, behind.name)
	return err == nil && (live == nil || live.UID != behind.uid), err
}

// listLive asks for one mapping by a list, for which the right is there anyway; nil if there is none.
func (r *AgentReconciler) listLive(ctx context.Context, name types.NamespacedName) (*v1alpha1.AgentGroupMapping, error) {
	var live v1alpha1.AgentGroupMappingList
	if err := r.Live.List(ctx, &live, client.InNamespace(name.Namespace), client.MatchingFields{"metadata.name": name.Name}); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(live.Items) == 0 {
		return nil, nil
	}
	return &live.Items[0], nil
}

func (r *AgentReconciler) compareMapping(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	live, err := r.listLive(ctx, client.ObjectKeyFromObject(mapping))
	if err == nil && (live == nil || live.UID != mapping.UID || live.ResourceVersion != mapping.ResourceVersion) {
		return errNotCurrent
	}
	return err
}

func (r *AgentReconciler) compareAccount(ctx context.Context, account *v1alpha1.DeepCallAccount) error {
	var live v1alpha1.DeepCallAccount
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(account), &live)
	switch {
	case apierrors.IsNotFound(err), err == nil && revisionOf(&live) != revisionOf(account):
		return errNotCurrent
	case err != nil:
		return fmt.Errorf("read the account: %w", err)
	}
	return nil
}
