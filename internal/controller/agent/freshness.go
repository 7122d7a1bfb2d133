package agent

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
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

// errStale is returned when the cache is older than the API server. Watch events are on their way.
var errStale = errors.New("the cache is older than the API server")

// pageSize bounds the memory of a list.
const pageSize = 500

// freshness verifies, before a request, that the cache is as new as the API server. After a failover it may not have the last
// writes of the former leader, whose requests would be repeated, perhaps over newer ones, or without the groups of a mapping
// that the cache doesn't have yet (R2). All mappings are compared once, those that appear later one by one, and the accounts
// one by one. From then on only this process writes what requests depend on; that a user's edit arrives late does no harm.
type freshness struct {
	client    client.Reader // the cache
	apiReader client.Reader
	tenancy   tenancy.Tenancy
	// mappingInCache and accountInCache report whether the cache has an object, in any version.
	mappingInCache func(*v1alpha1.AgentGroupMapping) bool
	accountInCache func(*v1alpha1.DeepCallAccount) bool

	comparing    sync.Mutex // held by the one that lists; others come back later
	comparisonOK atomic.Bool

	mu sync.Mutex
	// verified are the objects whose cached version is at least as new as any that a former leader wrote.
	verified map[types.UID]struct{}
	// stale are the mappings of which the cache has an older version than the comparison found.
	stale map[v1alpha1.AgentKey][]objectVersion
}

// objectVersion is a version of a mapping.
type objectVersion struct {
	name    types.NamespacedName
	uid     types.UID
	version string
}

func newFreshness(options Options) *freshness {
	return &freshness{
		client: options.Client, apiReader: options.APIReader, tenancy: options.Tenancy,
		mappingInCache: assume.InCache[v1alpha1.AgentGroupMapping](options.Client),
		accountInCache: assume.InCache[v1alpha1.DeepCallAccount](options.Client),
		verified:       map[types.UID]struct{}{},
	}
}

// compared reports whether the cache was compared with the API server.
func (f *freshness) compared() bool { return f.comparisonOK.Load() }

// verify returns errStale if the snapshot is older than the API server, or not known not to be.
func (f *freshness) verify(ctx context.Context, snap *snapshot) error {
	if err := f.verifyAgent(ctx, snap); err != nil {
		return err
	}
	for _, m := range snap.Mappings {
		if f.isVerified(m) {
			continue
		}
		if err := f.verifyMapping(ctx, m.AgentGroupMapping); err != nil {
			return err
		}
		f.markVerified(m.AgentGroupMapping)
	}
	if f.isVerified(snap.account) {
		return nil
	}
	if err := f.verifyAccount(ctx, snap.account); err != nil {
		return err
	}
	f.mark(snap.account.UID, func() bool { return f.accountInCache(snap.account) })
	return nil
}

// compareEarly compares as soon as this process leads, so that the first requests need not wait for it. If it fails, the
// first request tries again.
func (f *freshness) compareEarly(ctx context.Context) error {
	if err := f.compare(ctx); err != nil {
		log.FromContext(ctx).V(1).Info("The cache could not be compared with the API server yet", "cause", err.Error())
	}
	return nil
}

// compare finds, once, the mappings of which the cache has an older version than the API server.
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

// verifyAgent returns errStale until the cache has each mapping of the agent as the former leader left it, and the snapshot
// was loaded from that: the cache may have caught up only since.
func (f *freshness) verifyAgent(ctx context.Context, snap *snapshot) error {
	if err := f.compare(ctx); err != nil {
		return err
	}
	if !snap.sinceComparison {
		return errStale
	}
	f.mu.Lock()
	stale := f.stale[snap.Key]
	f.mu.Unlock()
	if len(stale) == 0 {
		return nil
	}
	for _, missed := range stale {
		ok, err := f.hasCaughtUp(ctx, missed)
		if err != nil {
			return err
		}
		if !ok {
			return errStale
		}
	}
	f.mu.Lock()
	delete(f.stale, snap.Key)
	f.mu.Unlock()
	return errStale
}

// listStale lists the versions of all mappings, and returns those of which the cache has an older one.
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

// addStale adds the mappings of a page that are newer than in the cache, by agent. If one of them is not on the page any more,
// the pages have shifted, and errStale is returned.
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

// getLive reads a mapping from the API server; nil if there is none. It lists, since the operator has no right to get.
func (f *freshness) getLive(ctx context.Context, name types.NamespacedName) (*v1alpha1.AgentGroupMapping, error) {
	var live v1alpha1.AgentGroupMappingList
	if err := f.apiReader.List(ctx, &live, client.InNamespace(name.Namespace), client.MatchingFields{"metadata.name": name.Name}); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(live.Items) == 0 {
		return nil, nil
	}
	return &live.Items[0], nil
}

func (f *freshness) verifyMapping(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	live, err := f.getLive(ctx, client.ObjectKeyFromObject(mapping))
	if err == nil && (live == nil || live.UID != mapping.UID || live.ResourceVersion != mapping.ResourceVersion) {
		return errStale
	}
	return err
}

func (f *freshness) verifyAccount(ctx context.Context, account *v1alpha1.DeepCallAccount) error {
	var live v1alpha1.DeepCallAccount
	err := f.apiReader.Get(ctx, client.ObjectKeyFromObject(account), &live)
	switch {
	case apierrors.IsNotFound(err), err == nil && live.Revision() != account.Revision():
		return errStale
	case err != nil:
		return fmt.Errorf("read the account: %w", err)
	}
	return nil
}

func (f *freshness) isVerified(obj client.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.verified[obj.GetUID()]
	return ok
}

func (f *freshness) markVerified(mapping *v1alpha1.AgentGroupMapping) {
	f.mark(mapping.UID, func() bool { return f.mappingInCache(mapping) })
}

// mark checks the cache under the lock: forget may already have been called for the object's deletion.
func (f *freshness) mark(uid types.UID, inCache func() bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if inCache() {
		f.verified[uid] = struct{}{}
	}
}

func (f *freshness) forget(obj client.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.verified, obj.GetUID())
}
