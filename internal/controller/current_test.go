package controller

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
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// server is what the API server holds, and counts how often it is asked.
type server struct {
	mappings []*v1alpha1.AgentGroupMapping
	account  *v1alpha1.DeepCallAccount // nil when there is none
	fails    error
	asked    int
}

func (s *server) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.asked++
	account, is := obj.(*v1alpha1.DeepCallAccount)
	switch {
	case s.fails != nil:
		return s.fails
	case !is || s.account == nil || s.account.Name != key.Name:
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	s.account.DeepCopyInto(account)
	return nil
}

// List returns one mapping on each page, or its metadata.
func (s *server) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	s.asked++
	asked := (&client.ListOptions{}).ApplyOptions(options)
	at, _ := strconv.Atoi(asked.Continue)
	page, next := s.mappings[min(at, len(s.mappings)):], ""
	switch {
	case asked.FieldSelector != nil:
		page = slices.DeleteFunc(slices.Clone(s.mappings), func(m *v1alpha1.AgentGroupMapping) bool {
			return !asked.FieldSelector.Matches(fields.Set{"metadata.name": m.Name})
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
	return s.fails
}

// cached is what the cache holds.
type cached struct {
	client.Client
	mappings []*v1alpha1.AgentGroupMapping
}

func (c *cached) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	for _, m := range c.mappings {
		if mapping, is := obj.(*v1alpha1.AgentGroupMapping); is && m.Name == key.Name {
			m.DeepCopyInto(mapping)
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func everything(client.Object) bool { return true }

func mappingOf(name string, uid types.UID, version string) *v1alpha1.AgentGroupMapping {
	return &v1alpha1.AgentGroupMapping{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid, ResourceVersion: version},
		Spec:       v1alpha1.AgentGroupMappingSpec{AccountRef: v1alpha1.AccountReference{Name: "acme"}, AgentID: "7"},
	}
}

func accountOfGeneration(generation int64) *v1alpha1.DeepCallAccount {
	return &v1alpha1.DeepCallAccount{ObjectMeta: metav1.ObjectMeta{Name: "acme", UID: "a", Generation: generation}}
}

func TestACallIsMadeFromWhatTheAPIServerHas(t *testing.T) {
	type mappings = []*v1alpha1.AgentGroupMapping
	asha, ravi := mappingOf("asha", "1", "5"), mappingOf("ravi", "2", "7")
	down := errors.New("the API server is down")
	for name, c := range map[string]struct {
		has     mappings
		account *v1alpha1.DeepCallAccount
		fails   error
		want    error
	}{
		"the cache is current":                  {mappings{asha}, accountOfGeneration(1), nil, nil},
		"the mapping is newer":                  {mappings{mappingOf("asha", "1", "6")}, accountOfGeneration(1), nil, errNotCurrent},
		"another mapping has its name by now":   {mappings{mappingOf("asha", "2", "6")}, accountOfGeneration(1), nil, errNotCurrent},
		"the mapping is gone":                   {nil, accountOfGeneration(1), nil, errNotCurrent},
		"there is one that the cache knows not": {mappings{asha, ravi}, accountOfGeneration(1), nil, errNotCurrent},
		"and it comes before one that it knows": {mappings{ravi, asha}, accountOfGeneration(1), nil, errNotCurrent},
		"the account is newer":                  {mappings{asha}, accountOfGeneration(2), nil, errNotCurrent},
		"the account is gone":                   {mappings{asha}, nil, nil, errNotCurrent},
		"nobody can tell":                       {mappings{asha}, accountOfGeneration(1), down, down},
	} {
		t.Run(name, func(t *testing.T) {
			live := &server{mappings: c.has, account: c.account, fails: c.fails}
			r := &AgentReconciler{Live: live, Client: &cached{mappings: mappings{asha}}, Written: newWritten(everything)}
			v := &view{key: agentOf(asha), account: accountOfGeneration(1), members: []*member{{mapping: asha}}, compared: true}
			for range 2 {
				if err := r.assertCurrent(t.Context(), v); !errors.Is(err, c.want) {
					t.Errorf("%v instead of %v", err, c.want)
				}
			}
		})
	}
}

func TestTheCacheIsComparedOnceAndWaitedFor(t *testing.T) {
	asha, ravi := mappingOf("asha", "1", "5"), mappingOf("ravi", "2", "7")
	live := &server{mappings: []*v1alpha1.AgentGroupMapping{asha, ravi}, account: accountOfGeneration(1)}
	cache := &cached{mappings: []*v1alpha1.AgentGroupMapping{asha}}
	r := &AgentReconciler{Live: live, Client: cache, Written: newWritten(everything)}
	v := &view{key: agentOf(asha), account: accountOfGeneration(1), members: []*member{{mapping: asha}}, compared: true}
	current := func(want error, asked int) {
		t.Helper()
		before := live.asked
		if err := r.assertCurrent(t.Context(), v); !errors.Is(err, want) {
			t.Errorf("%v instead of %v", err, want)
		}
		if n := live.asked - before; n != asked {
			t.Errorf("the API server was asked %d times instead of %d", n, asked)
		}
	}
	current(errNotCurrent, 4) // two pages, whose ravi is, and whether he is still there
	current(errNotCurrent, 1)
	cache.mappings = append(cache.mappings, ravi)
	current(errNotCurrent, 0) // the view is older than that
	current(nil, 1)           // the account
	current(nil, 0)

	// Nobody waits for another agent's.
	elsewhere := mappingOf("lena", "5", "9")
	elsewhere.Spec.AgentID = "8"
	r.inherited.behind[agentOf(elsewhere)] = []ref{{name: client.ObjectKeyFromObject(elsewhere), uid: "5", version: "9"}}
	current(nil, 0)

	// A mapping that came later is asked for by itself, unless this process wrote it.
	noor, omar := mappingOf("noor", "3", "9"), mappingOf("omar", "4", "9")
	live.mappings = append(live.mappings, noor)
	v.members = []*member{{mapping: noor}, {mapping: omar}}
	r.Written.remember(omar)
	current(nil, 1)
	current(nil, 0)
}

func TestAViewFromBeforeTheCacheWasComparedIsGatheredAnew(t *testing.T) {
	asha := mappingOf("asha", "1", "5")
	live := &server{mappings: []*v1alpha1.AgentGroupMapping{asha}, account: accountOfGeneration(1)}
	r := &AgentReconciler{Live: live, Client: &cached{mappings: []*v1alpha1.AgentGroupMapping{asha}}, Written: newWritten(everything)}
	// The cache has caught up, after the view was gathered from it.
	v := &view{key: agentOf(asha), account: accountOfGeneration(1), members: []*member{{mapping: mappingOf("asha", "1", "4")}}}
	if err := r.assertCurrent(t.Context(), v); !errors.Is(err, errNotCurrent) {
		t.Errorf("%v, of an old view", err)
	}
	v.members[0].mapping, v.compared = asha, true
	if err := r.assertCurrent(t.Context(), v); err != nil {
		t.Errorf("%v, of a new view", err)
	}
}

// shifting is an API server where something comes to be on the first page between its two lists.
type shifting struct {
	*server
	came *v1alpha1.AgentGroupMapping
}

func (s *shifting) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if _, whole := list.(*v1alpha1.AgentGroupMappingList); whole && s.came != nil {
		s.mappings, s.came = slices.Insert(s.mappings, 0, s.came), nil
	}
	return s.server.List(ctx, list, options...)
}

func TestWhatIsPushedOffAPageWhileItIsReadIsComparedAllTheSame(t *testing.T) {
	asha, ravi := mappingOf("asha", "1", "5"), mappingOf("ravi", "2", "7")
	live := &shifting{&server{mappings: []*v1alpha1.AgentGroupMapping{ravi}}, asha}
	r := &AgentReconciler{Live: live, Client: &cached{}, Written: newWritten(everything)}
	if err := r.compare(t.Context()); !errors.Is(err, errNotCurrent) {
		t.Errorf("%v, although ravi is on the second page by now", err)
	}
	if err := r.compare(t.Context()); err != nil {
		t.Error(err)
	}
	if behind := r.inherited.behind[agentOf(ravi)]; len(behind) != 2 {
		t.Errorf("behind are %v", behind)
	}
}

func TestAMappingThatIsGoneIsNotWaitedFor(t *testing.T) {
	asha, ravi := mappingOf("asha", "1", "5"), mappingOf("ravi", "2", "7")
	live := &server{mappings: []*v1alpha1.AgentGroupMapping{asha, ravi}, account: accountOfGeneration(1)}
	r := &AgentReconciler{Live: live, Client: &cached{mappings: []*v1alpha1.AgentGroupMapping{asha}}, Written: newWritten(everything)}
	v := &view{key: agentOf(asha), account: accountOfGeneration(1), members: []*member{{mapping: asha}}, compared: true}
	if err := r.assertCurrent(t.Context(), v); !errors.Is(err, errNotCurrent) {
		t.Errorf("%v although the cache does not know ravi", err)
	}
	live.mappings = live.mappings[:1]
	for _, want := range []error{errNotCurrent, nil} { // first the view must be gathered anew
		if err := r.assertCurrent(t.Context(), v); !errors.Is(err, want) {
			t.Errorf("%v instead of %v, when ravi is gone", err, want)
		}
	}
}

func TestWhatIsWatchedIsCompared(t *testing.T) {
	everywhere := Access{}
	chosen := Access{Watched: []string{"support", "sales"}, Selector: labels.SelectorFromSet(labels.Set{"shard": "a"})}
	for name, c := range map[string]struct {
		access Access
		want   []string
	}{
		"everything":            {everywhere, []string{" "}},
		"a share of some of it": {chosen, []string{"support shard=a", "sales shard=a"}},
	} {
		var lists []string
		for _, options := range c.access.lists() {
			asked := (&client.ListOptions{}).ApplyOptions(options)
			selector := ""
			if asked.LabelSelector != nil {
				selector = asked.LabelSelector.String()
			}
			lists = append(lists, asked.Namespace+" "+selector)
		}
		if !slices.Equal(lists, c.want) {
			t.Errorf("%s: lists %q instead of %q", name, lists, c.want)
		}
	}
}
