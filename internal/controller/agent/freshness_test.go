package agent

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// apiServer contains mappings and perhaps an account, and counts the reads. Its namespaces are all being deleted.
type apiServer struct {
	client.Reader
	version  string
	mappings []*v1alpha1.AgentGroupMapping
	account  *v1alpha1.DeepCallAccount // nil if there is none
	err      error
	reads    int
	// forbidden is a namespace that can't be read any more; nil if all can.
	forbidden *string
	// unselectable reports that the CRD has no selectable fields.
	unselectable bool
}

func (s *apiServer) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.reads++
	if namespace, ok := obj.(*corev1.Namespace); ok {
		namespace.DeletionTimestamp = new(metav1.Now())
		return nil
	}
	switch {
	case s.err != nil:
		return s.err
	case s.account == nil:
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	s.account.DeepCopyInto(obj.(*v1alpha1.DeepCallAccount))
	return nil
}

func (s *apiServer) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	s.reads++
	listOptions := (&client.ListOptions{}).ApplyOptions(options)
	if s.forbidden != nil && listOptions.Namespace == *s.forbidden {
		return apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no Role"))
	}
	list.SetResourceVersion(s.version)
	full, ok := list.(*v1alpha1.AgentGroupMappingList)
	if !ok {
		return s.err
	}
	if listOptions.FieldSelector == nil {
		listOptions.FieldSelector = fields.Everything()
	} else if s.unselectable {
		return apierrors.NewBadRequest("field label not supported: spec.agentID")
	}
	for _, m := range s.mappings {
		selected := listOptions.FieldSelector.Matches(fields.Set{"spec.agentID": m.Spec.AgentID, "spec.accountRef.name": m.Spec.AccountRef.Name})
		if selected && (listOptions.Namespace == "" || listOptions.Namespace == m.Namespace) {
			full.Items = append(full.Items, *m)
		}
	}
	return s.err
}

func newMapping(name string, uid types.UID, version string) *v1alpha1.AgentGroupMapping {
	return &v1alpha1.AgentGroupMapping{
		ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: name, UID: uid, ResourceVersion: version},
		Spec:       v1alpha1.AgentGroupMappingSpec{AccountRef: v1alpha1.AccountReference{Name: "acme"}, AgentID: "7"},
	}
}

func newAccount(generation int64) *v1alpha1.DeepCallAccount {
	return &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "acme", UID: "a", Generation: generation}}
}

func newTestFreshness(live client.Reader, namespaces ...string) *freshness {
	return newFreshness(Options{APIReader: live, Tenancy: tenancy.New(nil, tenancy.Scope{Namespaces: namespaces})})
}

func newTestSnapshot(mappings ...*v1alpha1.AgentGroupMapping) *snapshot {
	snap := &snapshot{account: newAccount(1)}
	for _, m := range mappings {
		snap.Key = m.AgentKey()
		snap.Mappings = append(snap.Mappings, plan.Mapping{AgentGroupMapping: m, Permitted: m.Namespace == "support"})
	}
	return snap
}

func released(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.DeletionTimestamp = &metav1.Time{}
	return m
}

func inNamespace(namespace string, m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.Namespace, m.Spec.AccountRef.Namespace = namespace, "support"
	return m
}

func withApplied(m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.Status.ObservedUID, m.Status.AppliedGroups = string(m.UID), []v1alpha1.AgentGroup{{GroupID: "90"}}
	return m
}

// declaring returns the first generation of a mapping, which declares these groups.
func declaring(m *v1alpha1.AgentGroupMapping, groups ...string) *v1alpha1.AgentGroupMapping {
	m.Generation = 1
	for _, id := range groups {
		m.Spec.Groups = append(m.Spec.Groups, v1alpha1.AgentGroup{GroupID: id, ReceiveCall: true})
	}
	return m
}

func ofAgent(agentID string, m *v1alpha1.AgentGroupMapping) *v1alpha1.AgentGroupMapping {
	m.Spec.AgentID = agentID
	return m
}

func TestFreshness_compares_an_agent_with_the_API_server(t *testing.T) {
	type mappings = []*v1alpha1.AgentGroupMapping
	asha, ravi := newMapping("asha", "1", "5"), newMapping("ravi", "2", "7")
	down := errors.New("the API server is down")
	for name, c := range map[string]struct {
		live    mappings
		account *v1alpha1.DeepCallAccount
		err     error
		want    error
	}{
		"accepts the same version":                   {mappings{asha}, newAccount(1), nil, nil},
		"accepts an assumed version that is newer":   {mappings{newMapping("asha", "1", "4")}, newAccount(1), nil, nil},
		"accepts a mapping of another agent":         {mappings{asha, ofAgent("8", newMapping("lena", "5", "9"))}, newAccount(1), nil, nil},
		"accepts that a released mapping is missing": {mappings{asha, released(newMapping("ravi", "2", "7"))}, newAccount(1), nil, nil},
		"rejects an older version":                   {mappings{newMapping("asha", "1", "6")}, newAccount(1), nil, errStale},
		"rejects a mapping that was replaced":        {mappings{newMapping("asha", "2", "6")}, newAccount(1), nil, errStale},
		"rejects a mapping that was deleted":         {nil, newAccount(1), nil, errStale},
		"rejects a mapping that was released":        {mappings{released(newMapping("asha", "1", "5"))}, newAccount(1), nil, errStale},
		"rejects a cache that lacks a mapping":       {mappings{asha, ravi}, newAccount(1), nil, errStale},
		"accepts that a mapping without permission is missing": {
			mappings{asha, inNamespace("tenant", newMapping("guest", "3", "9"))}, newAccount(1), nil, nil,
		},
		"rejects a cache that lacks the applied groups of a mapping without permission": {
			mappings{asha, inNamespace("tenant", withApplied(newMapping("guest", "3", "9")))}, newAccount(1), nil, errStale,
		},
		"rejects an older version of the account": {mappings{asha}, newAccount(2), nil, errStale},
		"rejects an account that was deleted":     {mappings{asha}, nil, nil, errStale},
		"returns the error of the API server":     {mappings{asha}, newAccount(1), down, down},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTestFreshness(&apiServer{version: "10", mappings: c.live, account: c.account, err: c.err})
			for range 2 {
				if err := f.verify(t.Context(), newTestSnapshot(asha)); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
		})
	}
}

// A tenant that edits its mappings all the time must not delay the first request of an agent after a failover.
func TestFreshness_ignores_mappings_without_permission(t *testing.T) {
	asha := newMapping("asha", "1", "5")
	live := &apiServer{version: "10", mappings: []*v1alpha1.AgentGroupMapping{asha, inNamespace("tenant", newMapping("guest", "3", "9"))}, account: newAccount(1)}
	for name, cached := range map[string]*v1alpha1.AgentGroupMapping{
		"was edited":  inNamespace("tenant", newMapping("guest", "3", "8")),
		"was deleted": inNamespace("tenant", newMapping("former", "2", "8")),
	} {
		if err := newTestFreshness(live).verify(t.Context(), newTestSnapshot(asha, cached)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	cached := inNamespace("tenant", withApplied(newMapping("guest", "3", "8")))
	if err := newTestFreshness(live).verify(t.Context(), newTestSnapshot(asha, cached)); !errors.Is(err, errStale) {
		t.Errorf("got %v for a mapping whose applied groups are carried", err)
	}
}

func TestFreshness_works_with_a_CRD_without_selectable_fields(t *testing.T) {
	asha := newMapping("asha", "1", "5")
	live := &apiServer{version: "10", mappings: []*v1alpha1.AgentGroupMapping{ofAgent("8", newMapping("lena", "2", "6")), asha}, account: newAccount(1)}
	live.unselectable = true
	if err := newTestFreshness(live).verify(t.Context(), newTestSnapshot(asha)); err != nil {
		t.Error(err)
	}
	live.mappings = append(live.mappings, newMapping("ravi", "3", "7"))
	if err := newTestFreshness(live).verify(t.Context(), newTestSnapshot(asha)); !errors.Is(err, errStale) {
		t.Errorf("got %v for a cache that lacks a mapping", err)
	}
}

// When a watched namespace is deleted, the permissions in it are deleted, too. Other namespaces must not wait for them.
func TestFreshness_after_the_permissions_in_a_namespace_are_gone(t *testing.T) {
	asha, guest := newMapping("asha", "1", "5"), inNamespace("sales", withApplied(newMapping("guest", "3", "9")))
	shared := newAccount(1)
	shared.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFromAll
	both := []string{"sales", "support"}
	for name, c := range map[string]struct {
		forbidden string
		watched   []string
		account   *v1alpha1.DeepCallAccount
		cached    *snapshot
		ok        bool
	}{
		"accepts a namespace that the account does not allow":        {"sales", both, newAccount(1), newTestSnapshot(asha), true},
		"accepts the cached mappings of such a namespace":            {"sales", both, newAccount(1), newTestSnapshot(asha, guest), true},
		"needs a namespace that the account allows":                  {"sales", both, shared, newTestSnapshot(asha), false},
		"needs the account's own namespace":                          {"support", both, newAccount(1), newTestSnapshot(asha), false},
		"needs the permission for all namespaces if all are watched": {"", nil, newAccount(1), newTestSnapshot(asha), false},
	} {
		t.Run(name, func(t *testing.T) {
			c.cached.account = c.account
			f := newTestFreshness(&apiServer{version: "10", mappings: []*v1alpha1.AgentGroupMapping{asha}, account: c.account, forbidden: &c.forbidden}, c.watched...)
			if err := f.verify(t.Context(), c.cached); (err == nil) != c.ok || !c.ok && !apierrors.IsForbidden(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFreshness_reads_as_little_as_possible(t *testing.T) {
	asha, lena := newMapping("asha", "1", "5"), ofAgent("8", newMapping("lena", "2", "6"))
	live := &apiServer{version: "10", mappings: []*v1alpha1.AgentGroupMapping{asha, lena}, account: newAccount(1)}
	f := newTestFreshness(live)
	verify := func(snap *snapshot, reads int) {
		t.Helper()
		before := live.reads
		snap.isFresh = f.isCaughtUp()
		if err := f.verify(t.Context(), snap); err != nil {
			t.Error(err)
		}
		if n := live.reads - before; n != reads {
			t.Errorf("%d reads of the API server, want %d", n, reads)
		}
	}
	verify(newTestSnapshot(asha), 3) // the baseline, the agent and the account
	verify(newTestSnapshot(asha), 0)
	f.forget(asha.AgentKey())
	verify(newTestSnapshot(asha), 1)

	f.observe(newMapping("asha", "1", "10")) // not newer than the baseline
	verify(newTestSnapshot(lena), 1)
	f.observe(newMapping("asha", "1", "11")) // all older versions have been delivered, too
	f.observe(newMapping("ravi", "3", "9"))
	verify(newTestSnapshot(ofAgent("9", newMapping("noor", "4", "12"))), 0)
	if len(f.agents) != 2 {
		t.Errorf("keeps a record of %d agents", len(f.agents))
	}
}

func TestFreshness_waits_for_the_watch_of_every_namespace(t *testing.T) {
	f := newTestFreshness(&apiServer{version: "10", account: newAccount(1)}, "support", "sales")
	if err := f.ensureBaseline(t.Context(), "support"); err != nil {
		t.Fatal(err)
	}
	f.observe(newMapping("asha", "1", "11"))
	if f.isCaughtUp() {
		t.Error("caught up although the watch of sales has delivered nothing")
	}
	other := newMapping("ravi", "2", "12")
	other.Namespace = "sales"
	f.observe(other)
	if !f.isCaughtUp() {
		t.Error("not caught up although both watches have")
	}
}

func TestFreshness_compares_a_snapshot_from_before_the_watch_caught_up(t *testing.T) {
	asha := newMapping("asha", "1", "5")
	live := &apiServer{version: "10", mappings: []*v1alpha1.AgentGroupMapping{newMapping("asha", "1", "8")}, account: newAccount(1)}
	f := newTestFreshness(live)
	snap := newTestSnapshot(asha)
	snap.isFresh = f.isCaughtUp()
	f.observe(newMapping("ravi", "2", "11"))
	if err := f.verify(t.Context(), snap); !errors.Is(err, errStale) {
		t.Errorf("got %v", err)
	}
}
