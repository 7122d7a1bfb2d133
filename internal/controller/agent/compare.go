package agent

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// pageSize bounds the memory of a list.
const pageSize = 500

// objectVersion is a version of a mapping.
type objectVersion struct {
	name    types.NamespacedName
	uid     types.UID
	version string
}

// compareEarly compares before the first request, so that the request does not wait for it. If it fails, the request compares
// again.
func (f *freshness) compareEarly(ctx context.Context) error {
	if err := f.compare(ctx); err != nil {
		log.FromContext(ctx).V(1).Info("The cache could not be compared with the API server yet", "cause", err.Error())
	}
	return nil
}

// compare lists the mappings once, and records those of which the cache has an older version.
func (f *freshness) compare(ctx context.Context) error {
	if f.compared() {
		return nil
	}
	if !f.comparing.TryLock() {
		return errStale
	}
	defer f.comparing.Unlock()
	if f.compared() {
		return nil
	}
	stale, err := f.listStale(ctx)
	if err != nil {
		return fmt.Errorf("compare the cache with the API server: %w", err)
	}
	f.mu.Lock()
	f.stale = stale
	f.mu.Unlock()
	f.comparisonOK.Store(true)
	return nil
}

// listStale lists the versions of all mappings, and returns those that are newer than in the cache, by agent.
func (f *freshness) listStale(ctx context.Context) (map[v1alpha1.AgentKey][]objectVersion, error) {
	stale := map[v1alpha1.AgentKey][]objectVersion{}
	for _, options := range f.tenancy.ListOptions() {
		for next := ""; ; {
			page := append(slices.Clone(options), client.Limit(pageSize), client.Continue(next))
			versions := &metav1.PartialObjectMetadataList{}
			versions.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
			if err := f.apiReader.List(ctx, versions, page...); err != nil {
				return nil, fmt.Errorf("list the versions of the mappings: %w", err)
			}
			older := map[types.UID]bool{}
			for i := range versions.Items {
				if live := versionOf(&versions.Items[i]); !f.cacheHas(ctx, live) {
					older[live.uid] = true
				}
			}
			if len(older) > 0 {
				if err := f.addStale(ctx, stale, older, page); err != nil {
					return nil, err
				}
			}
			if next = versions.Continue; next == "" {
				break
			}
		}
	}
	return stale, nil
}

// addStale adds the mappings of a page that are newer than in the cache. It returns errStale if one of them is no longer on the
// page, since a mapping was created or deleted before it.
func (f *freshness) addStale(
	ctx context.Context, stale map[v1alpha1.AgentKey][]objectVersion, older map[types.UID]bool, page []client.ListOption,
) error {
	var live v1alpha1.AgentGroupMappingList
	if err := f.apiReader.List(ctx, &live, page...); err != nil {
		return fmt.Errorf("list the mappings: %w", err)
	}
	for i := range live.Items {
		delete(older, live.Items[i].UID)
		if version := versionOf(&live.Items[i]); !f.cacheHas(ctx, version) {
			key := live.Items[i].AgentKey()
			stale[key] = append(stale[key], version)
		}
	}
	if len(older) > 0 {
		return errStale
	}
	return nil
}

func versionOf(obj client.Object) objectVersion {
	return objectVersion{name: client.ObjectKeyFromObject(obj), uid: obj.GetUID(), version: obj.GetResourceVersion()}
}

// cacheHas reports whether the cache has this version of a mapping, or a newer one.
func (f *freshness) cacheHas(ctx context.Context, live objectVersion) bool {
	var cached v1alpha1.AgentGroupMapping
	if err := f.client.Get(ctx, live.name, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(cached.ResourceVersion, live.version)
	if err != nil || cached.UID != live.uid || order < 0 {
		return false
	}
	f.markVerified(&cached)
	return true
}

// hasCaughtUp reports whether the cache has the version, or the mapping is gone.
func (f *freshness) hasCaughtUp(ctx context.Context, missed objectVersion) (bool, error) {
	if f.cacheHas(ctx, missed) {
		return true, nil
	}
	live, err := f.getLive(ctx, missed.name)
	return err == nil && (live == nil || live.UID != missed.uid), err
}
