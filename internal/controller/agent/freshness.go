package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// errStale is returned when the cache is older than the API server. Watch events are on their way.
var errStale = errors.New("the cache is older than the API server")

// freshness verifies, before a request, that the cache is at least as new as this process's leadership. After a failover it
// may lack the last writes of the former leader, whose requests would be repeated, perhaps over newer ones, or without the
// groups of a mapping that the cache doesn't have yet (R2). Later writes of users can arrive late, as in every controller.
//
// An informer processes the events of a watch in the order of their versions. So once it has seen a version written after
// leadership began, it has seen all earlier ones, too. Until then, each agent is compared with the API server before its first
// request.
type freshness struct {
	apiReader client.Reader
	tenancy   tenancy.Tenancy

	mu sync.Mutex
	// baseline is a version of the API server from after leadership began; empty until the first verification.
	baseline string
	// newest is the newest version of a mapping that each stream of watch events has delivered.
	newest map[string]string
	// agents and accounts were compared with the API server.
	agents   map[v1alpha1.AgentKey]struct{}
	accounts map[types.NamespacedName]types.UID
}

func newFreshness(options Options) *freshness {
	return &freshness{
		apiReader: options.APIReader, tenancy: options.Tenancy,
		newest: map[string]string{}, agents: map[v1alpha1.AgentKey]struct{}{}, accounts: map[types.NamespacedName]types.UID{},
	}
}

// observe records the version of a mapping that a watch has delivered.
func (f *freshness) observe(mapping *v1alpha1.AgentGroupMapping) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stream := f.tenancy.StreamOf(mapping.Namespace)
	if isNewer(mapping.ResourceVersion, f.newest[stream]) {
		f.newest[stream] = mapping.ResourceVersion
	}
}

// isCaughtUp reports whether all watches have delivered a version from after leadership began.
func (f *freshness) isCaughtUp() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.baseline != "" && !slices.ContainsFunc(f.tenancy.Streams(), func(stream string) bool {
		return !isNewer(f.newest[stream], f.baseline)
	})
}

// verify returns errStale unless the snapshot is known to be at least as new as this process's leadership.
func (f *freshness) verify(ctx context.Context, snap *snapshot) error {
	if err := f.ensureBaseline(ctx, snap.account.Namespace); err != nil {
		return err
	}
	if !snap.isFresh {
		if err := f.verifyAgent(ctx, snap); err != nil {
			return err
		}
	}
	return f.verifyAccount(ctx, snap.account)
}

// forget drops the record of an agent without mappings.
func (f *freshness) forget(key v1alpha1.AgentKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.agents, key)
}

// ensureBaseline reads the present version of the API server, once, from a namespace: it is the same in all.
func (f *freshness) ensureBaseline(ctx context.Context, namespace string) error {
	f.mu.Lock()
	known := f.baseline != ""
	f.mu.Unlock()
	if known {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgentGroupMappingList"))
	if err := f.apiReader.List(ctx, list, client.InNamespace(f.tenancy.StreamOf(namespace)), client.Limit(1)); err != nil {
		return fmt.Errorf("read the version of the API server: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.baseline == "" {
		f.baseline = list.ResourceVersion
	}
	return nil
}

// verifyAgent compares the mappings of a snapshot with those that the API server has for the agent, once. It ignores mappings
// that affect no request: a tenant that edits these all the time must not delay others.
func (f *freshness) verifyAgent(ctx context.Context, snap *snapshot) error {
	f.mu.Lock()
	_, verified := f.agents[snap.Key]
	f.mu.Unlock()
	if verified {
		return nil
	}
	versions := map[types.UID]string{}
	for _, m := range snap.Mappings {
		if !m.IsOutside() {
			versions[m.UID] = m.ResourceVersion
		}
	}
	for _, options := range f.tenancy.ListOptions() {
		live, err := f.listLive(ctx, snap.Key, options)
		if namespace := namespaceOf(options); apierrors.IsForbidden(err) && f.isDispensable(ctx, snap, namespace) {
			for _, m := range snap.Mappings {
				if m.Namespace == namespace {
					delete(versions, m.UID)
				}
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("list the agent's mappings: %w", err)
		}
		for i := range live {
			m := &live[i]
			if m.AgentKey() != snap.Key || m.Released() {
				continue
			}
			version, ok := versions[m.UID]
			if ok && !isNewer(m.ResourceVersion, version) {
				delete(versions, m.UID)
				continue
			}
			permitted, err := f.tenancy.Permits(ctx, snap.Key.Account, snap.account, m.Namespace)
			if err != nil {
				return err
			}
			if ok || !plan.NewMapping(m, permitted, snap.Now).IsOutside() {
				return errStale
			}
		}
	}
	if len(versions) > 0 {
		return errStale // a mapping was deleted
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.agents[snap.Key] = struct{}{}
	return nil
}

// isDispensable reports whether requests can be sent although a watched namespace can't be read any more, for example because it
// was deleted with the permissions in it: the account does not allow the namespace.
func (f *freshness) isDispensable(ctx context.Context, snap *snapshot, namespace string) bool {
	permitted, err := f.tenancy.Permits(ctx, snap.Key.Account, snap.account, namespace)
	return namespace != "" && !permitted && err == nil
}

// namespaceOf returns the namespace of a list; empty for all.
func namespaceOf(options []client.ListOption) string {
	return (&client.ListOptions{}).ApplyOptions(options).Namespace
}

// listLive lists the mappings that may be the agent's. A CRD that is older than the operator has no selectable fields: then all
// mappings are listed.
func (f *freshness) listLive(ctx context.Context, key v1alpha1.AgentKey, options []client.ListOption) ([]v1alpha1.AgentGroupMapping, error) {
	var live v1alpha1.AgentGroupMappingList
	selector := client.MatchingFields{"spec.agentID": key.AgentID, "spec.accountRef.name": key.Account.Name}
	err := f.apiReader.List(ctx, &live, append(slices.Clone(options), selector)...)
	if apierrors.IsBadRequest(err) {
		err = f.apiReader.List(ctx, &live, options...)
	}
	return live.Items, err
}

// verifyAccount compares an account with the API server, once.
func (f *freshness) verifyAccount(ctx context.Context, account *v1alpha1.DeepCallAccount) error {
	name := client.ObjectKeyFromObject(account)
	f.mu.Lock()
	verified := f.accounts[name] == account.UID
	f.mu.Unlock()
	if verified {
		return nil
	}
	var live v1alpha1.DeepCallAccount
	err := f.apiReader.Get(ctx, name, &live)
	switch {
	case apierrors.IsNotFound(err):
		return errStale
	case err != nil:
		return fmt.Errorf("read the account: %w", err)
	case live.Revision() != account.Revision(), !live.ResyncRequestedTime().Equal(account.ResyncRequestedTime()):
		return errStale
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts[name] = account.UID
	return nil
}

// isNewer reports whether a version is newer than another one; empty is older than all others.
func isNewer(version, than string) bool {
	if version == "" || than == "" {
		return version != ""
	}
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order > 0
}
