package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	if err := r.catchUp(ctx); err != nil {
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

// catching is how far the cache has caught up with what the former leader left.
type catching struct {
	done   atomic.Bool
	mu     sync.Mutex // of who looks; others come back later
	asked  bool
	behind []metav1.PartialObjectMetadata // which the cache does not have as new as that
}

// catchUp returns errNotCurrent until the cache has every mapping as new as it was at the first call.
func (r *AgentReconciler) catchUp(ctx context.Context) error {
	c := &r.catching
	if c.done.Load() {
		return nil
	}
	if !c.mu.TryLock() {
		return errNotCurrent
	}
	defer c.mu.Unlock()
	if !c.asked {
		behind, err := r.allBehind(ctx)
		if err != nil {
			return fmt.Errorf("compare the cache with the API server: %w", err)
		}
		c.behind, c.asked = behind, true
	}
	for len(c.behind) > 0 {
		caughtUp, err := r.hasCaughtUp(ctx, &c.behind[0])
		if err != nil {
			return err
		}
		if !caughtUp {
			return errNotCurrent
		}
		c.behind = c.behind[1:]
	}
	c.behind = nil
	c.done.Store(true)
	return nil
}

// allBehind lists what the API server has, and returns what the cache does not have as new.
func (r *AgentReconciler) allBehind(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	var behind []metav1.PartialObjectMetadata
	for _, options := range r.Access.lists() {
		page := &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
		for {
			if err := r.Live.List(ctx, page, append(options, client.Limit(pageSize), client.Continue(page.Continue))...); err != nil {
				return nil, fmt.Errorf("list the mappings: %w", err)
			}
			for i := range page.Items {
				if live := &page.Items[i]; !r.cachedAsNew(ctx, live) {
					behind = append(behind, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
						Namespace: live.Namespace, Name: live.Name, UID: live.UID, ResourceVersion: live.ResourceVersion,
					}})
				}
			}
			if page.Continue == "" {
				break
			}
		}
	}
	return behind, nil
}

// pageSize bounds the memory that a list takes.
const pageSize = 500

func (r *AgentReconciler) cachedAsNew(ctx context.Context, live client.Object) bool {
	var cached v1alpha1.AgentGroupMapping
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(live), &cached, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(cached.ResourceVersion, live.GetResourceVersion())
	if err != nil || cached.UID != live.GetUID() || order < 0 {
		return false
	}
	r.Written.madeCurrent(&cached)
	return true
}

// hasCaughtUp is true also once the mapping is gone: the cache need not ever have had it.
func (r *AgentReconciler) hasCaughtUp(ctx context.Context, behind *metav1.PartialObjectMetadata) (bool, error) {
	if r.cachedAsNew(ctx, behind) {
		return true, nil
	}
	var live v1alpha1.AgentGroupMappingList
	err := r.Live.List(ctx, &live, client.InNamespace(behind.Namespace), client.MatchingFields{"metadata.name": behind.Name})
	if err != nil {
		return false, fmt.Errorf("read %s: %w", client.ObjectKeyFromObject(behind), err)
	}
	return len(live.Items) == 0 || live.Items[0].UID != behind.UID, nil
}

// compareMapping asks by a list, for which the right is there anyway.
func (r *AgentReconciler) compareMapping(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	var live v1alpha1.AgentGroupMappingList
	err := r.Live.List(ctx, &live, client.InNamespace(mapping.Namespace), client.MatchingFields{"metadata.name": mapping.Name})
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", client.ObjectKeyFromObject(mapping), err)
	case len(live.Items) != 1 || live.Items[0].UID != mapping.UID || live.Items[0].ResourceVersion != mapping.ResourceVersion:
		return errNotCurrent
	}
	return nil
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
