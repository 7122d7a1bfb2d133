package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/assume"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

// errStale is returned when the cache is older than the API server. Watch events will update it.
var errStale = errors.New("the cache is older than the API server")

// freshness verifies that the cache is as new as the API server before a request. After a failover the cache may lack the last
// writes of the former leader. Then requests would be repeated, or would omit the groups of a mapping that the cache does not have
// yet (R2). All mappings are compared once; later mappings, and the accounts, are read one by one. After that, only this process
// writes the statuses that requests depend on, and it does no harm if a user's edit arrives late.
type freshness struct {
	client    client.Reader // the cache
	apiReader client.Reader
	tenancy   tenancy.Tenancy
	// mappingInCache and accountInCache report whether the cache has an object, in any version.
	mappingInCache func(*v1alpha1.AgentGroupMapping) bool
	accountInCache func(*v1alpha1.DeepCallAccount) bool

	comparing    sync.Mutex // held while listing; other agents are requeued
	comparisonOK atomic.Bool

	mu sync.Mutex
	// verified are the objects whose cached version is at least as new as the last write of the former leader.
	verified map[types.UID]struct{}
	// stale are the versions that the comparison found and the cache did not have, by agent.
	stale map[v1alpha1.AgentKey][]objectVersion
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

// verify returns errStale unless the snapshot is known to be as new as the API server.
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

// verifyAgent returns errStale until the cache has each mapping of the agent as the former leader left it, and the snapshot was
// loaded after that.
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
	return errStale // the cache may have caught up after the snapshot was loaded
}

// getLive reads a mapping from the API server; nil if there is none. It lists, since the operator has no permission to get.
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

// mark adds an object unless it was deleted. It checks this under the lock, since forget may already have been called.
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
