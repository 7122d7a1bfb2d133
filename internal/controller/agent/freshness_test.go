package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

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

// apiServer contains mappings and perhaps an account, and counts the reads.
type apiServer struct {
	mappings []*v1alpha1.AgentGroupMapping
	account  *v1alpha1.DeepCallAccount // nil if there is none
	err      error
	reads    int
}

func (s *apiServer) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.reads++
	account, is := obj.(*v1alpha1.DeepCallAccount)
	switch {
	case s.err != nil:
		return s.err
	case !is || s.account == nil || s.account.Name != key.Name:
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	s.account.DeepCopyInto(account)
	return nil
}

// List returns one mapping on each page, or its metadata.
func (s *apiServer) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	s.reads++
	listOptions := (&client.ListOptions{}).ApplyOptions(options)
	at, _ := strconv.Atoi(listOptions.Continue)
	page, next := s.mappings[min(at, len(s.mappings)):], ""
	switch {
	case listOptions.FieldSelector != nil:
		page = slices.DeleteFunc(slices.Clone(s.mappings), func(m *v1alpha1.AgentGroupMapping) bool {
			return !listOptions.FieldSelector.Matches(fields.Set{"metadata.name": m.Name})
		})
	case len(page) > 1:
		page, next = page[:1], strconv.Itoa(at+1)
	}
	switch list := list.(type) {
	case *v1alpha1.AgentGroupMappingList:
		for _, m := range page {
			list.Items = append(list.Items, *m)
		}
	case *metav1.PartialObjectMetadataList:
		for _, m := range page {
			list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: m.ObjectMeta})
		}
	default:
		return fmt.Errorf("a list of %T", list)
	}
	list.SetContinue(next)
	return s.err
}

// cache contains mappings.
type cache struct {
	client.Client
	mappings []*v1alpha1.AgentGroupMapping
}

func (c *cache) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	for _, m := range c.mappings {
		if mapping, is := obj.(*v1alpha1.AgentGroupMapping); is && m.Name == key.Name {
			m.DeepCopyInto(mapping)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func newMapping(name string, uid types.UID, version string) *v1alpha1.AgentGroupMapping {
	return &v1alpha1.AgentGroupMapping{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid, ResourceVersion: version},
		Spec:       v1alpha1.AgentGroupMappingSpec{AccountRef: v1alpha1.AccountReference{Name: "acme"}, AgentID: "7"},
	}
}

func newAccount(generation int64) *v1alpha1.DeepCallAccount {
	return &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Name: "acme", UID: "a", Generation: generation}}
}

// newTestFreshness returns a freshness in whose cache every object counts as present.
func newTestFreshness(live client.Reader, cached client.Client) *freshness {
	f := newFreshness(Options{Client: cached, APIReader: live, Tenancy: tenancy.New(nil, nil, nil)})
	f.mappingInCache = func(*v1alpha1.AgentGroupMapping) bool { return true }
	f.accountInCache = func(*v1alpha1.DeepCallAccount) bool { return true }
	return f
}

// newTestSnapshot returns a snapshot that was loaded after the comparison.
func newTestSnapshot(mappings ...*v1alpha1.AgentGroupMapping) *snapshot {
	snap := &snapshot{account: newAccount(1), sinceComparison: true}
	for _, m := range mappings {
		snap.Key = m.AgentKey()
		snap.Mappings = append(snap.Mappings, plan.Mapping{AgentGroupMapping: m})
	}
	return snap
}

func TestFreshness_compares_with_the_API_server(t *testing.T) {
	type mappings = []*v1alpha1.AgentGroupMapping
	asha, ravi := newMapping("asha", "1", "5"), newMapping("ravi", "2", "7")
	down := errors.New("the API server is down")
	for name, c := range map[string]struct {
		live    mappings
		account *v1alpha1.DeepCallAccount
		err     error
		want    error
	}{
		"accepts a current cache":                             {mappings{asha}, newAccount(1), nil, nil},
		"rejects an older version of the mapping":             {mappings{newMapping("asha", "1", "6")}, newAccount(1), nil, errStale},
		"rejects a mapping that was replaced":                 {mappings{newMapping("asha", "2", "6")}, newAccount(1), nil, errStale},
		"rejects a mapping that was deleted":                  {nil, newAccount(1), nil, errStale},
		"rejects a cache that lacks a mapping":                {mappings{asha, ravi}, newAccount(1), nil, errStale},
		"rejects a cache that lacks a mapping listed earlier": {mappings{ravi, asha}, newAccount(1), nil, errStale},
		"rejects an older version of the account":             {mappings{asha}, newAccount(2), nil, errStale},
		"rejects an account that was deleted":                 {mappings{asha}, nil, nil, errStale},
		"returns the error of the API server":                 {mappings{asha}, newAccount(1), down, down},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTestFreshness(&apiServer{mappings: c.live, account: c.account, err: c.err}, &cache{mappings: mappings{asha}})
			for range 2 {
				if err := f.verify(t.Context(), newTestSnapshot(asha)); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
		})
	}
}

func TestFreshness_compares_once_and_waits_for_the_cache(t *testing.T) {
	asha, ravi := newMapping("asha", "1", "5"), newMapping("ravi", "2", "7")
	live := &apiServer{mappings: []*v1alpha1.AgentGroupMapping{asha, ravi}, account: newAccount(1)}
	cached := &cache{mappings: []*v1alpha1.AgentGroupMapping{asha}}
	f := newTestFreshness(live, cached)
	snap := newTestSnapshot(asha)
	verify := func(want error, reads int) {
		t.Helper()
		before := live.reads
		if err := f.verify(t.Context(), snap); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if n := live.reads - before; n != reads {
			t.Errorf("%d reads of the API server, want %d", n, reads)
		}
	}
	verify(errStale, 4) // two pages, the mappings of the second one, and whether ravi still exists
	verify(errStale, 1)
	cached.mappings = append(cached.mappings, ravi)
	verify(errStale, 0) // the snapshot is older than that
	verify(nil, 1)      // the account
	verify(nil, 0)

	// An agent does not wait for the mappings of another one.
	other := newMapping("lena", "5", "9")
	other.Spec.AgentID = "8"
	f.stale[other.AgentKey()] = []objectVersion{versionOf(other)}
	verify(nil, 0)

	// A mapping that was created later is read by itself, unless this process wrote it.
	noor, omar := newMapping("noor", "3", "9"), newMapping("omar", "4", "9")
	live.mappings = append(live.mappings, noor)
	snap = newTestSnapshot(noor, omar)
	f.markVerified(omar)
	verify(nil, 1)
	verify(nil, 0)
}

func TestFreshness_rejects_a_snapshot_from_before_the_comparison(t *testing.T) {
	asha := newMapping("asha", "1", "5")
	live := &apiServer{mappings: []*v1alpha1.AgentGroupMapping{asha}, account: newAccount(1)}
	f := newTestFreshness(live, &cache{mappings: []*v1alpha1.AgentGroupMapping{asha}})
	// The cache has caught up after the snapshot was loaded.
	old := newTestSnapshot(newMapping("asha", "1", "4"))
	old.sinceComparison = false
	if err := f.verify(t.Context(), old); !errors.Is(err, errStale) {
		t.Errorf("got %v for an old snapshot", err)
	}
	if err := f.verify(t.Context(), newTestSnapshot(asha)); err != nil {
		t.Errorf("got %v for a new snapshot", err)
	}
}

// shiftingServer inserts a mapping on the first page between its two lists.
type shiftingServer struct {
	*apiServer
	inserted *v1alpha1.AgentGroupMapping
}

func (s *shiftingServer) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if _, whole := list.(*v1alpha1.AgentGroupMappingList); whole && s.inserted != nil {
		s.mappings, s.inserted = slices.Insert(s.mappings, 0, s.inserted), nil
	}
	return s.apiServer.List(ctx, list, options...)
}

func TestFreshness_compares_a_mapping_that_moves_to_another_page(t *testing.T) {
	asha, ravi := newMapping("asha", "1", "5"), newMapping("ravi", "2", "7")
	live := &shiftingServer{&apiServer{mappings: []*v1alpha1.AgentGroupMapping{ravi}}, asha}
	f := newTestFreshness(live, &cache{})
	if err := f.compare(t.Context()); !errors.Is(err, errStale) {
		t.Errorf("got %v, although ravi is on the second page now", err)
	}
	if err := f.compare(t.Context()); err != nil {
		t.Error(err)
	}
	if stale := f.stale[ravi.AgentKey()]; len(stale) != 2 {
		t.Errorf("stale are %v", stale)
	}
}

func TestFreshness_does_not_wait_for_a_deleted_mapping(t *testing.T) {
	asha, ravi := newMapping("asha", "1", "5"), newMapping("ravi", "2", "7")
	live := &apiServer{mappings: []*v1alpha1.AgentGroupMapping{asha, ravi}, account: newAccount(1)}
	f := newTestFreshness(live, &cache{mappings: []*v1alpha1.AgentGroupMapping{asha}})
	if err := f.verify(t.Context(), newTestSnapshot(asha)); !errors.Is(err, errStale) {
		t.Errorf("got %v although the cache does not have ravi", err)
	}
	live.mappings = live.mappings[:1]
	for _, want := range []error{errStale, nil} { // first the snapshot must be loaded again
		if err := f.verify(t.Context(), newTestSnapshot(asha)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v, after ravi was deleted", err, want)
		}
	}
}

func TestFreshness_keeps_no_record_of_a_deleted_object(t *testing.T) {
	f := newTestFreshness(&apiServer{}, &cache{})
	asha := newMapping("asha", "1", "5")
	f.markVerified(asha)
	f.forget(asha)
	f.mappingInCache = func(*v1alpha1.AgentGroupMapping) bool { return false }
	f.markVerified(asha) // the read ended after the watch event
	if f.isVerified(asha) || len(f.verified) != 0 {
		t.Errorf("verified are %v", f.verified)
	}
}
