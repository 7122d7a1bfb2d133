package year

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// kind is one of the kinds that apiServer serves.
type kind struct {
	group, version, name, resource string
	// custom kinds have a status subresource and a generation.
	custom bool
}

var (
	mappingKind   = &kind{"telephony.deepcall.com", "v1alpha1", "AgentGroupMapping", "agentgroupmappings", true}
	accountKind   = &kind{"telephony.deepcall.com", "v1alpha1", "DeepCallAccount", "deepcallaccounts", true}
	secretKind    = &kind{"", "v1", "Secret", "secrets", false}
	namespaceKind = &kind{"", "v1", "Namespace", "namespaces", false}
	eventKind     = &kind{"events.k8s.io", "v1", "Event", "events", false}
	leaseKind     = &kind{"coordination.k8s.io", "v1", "Lease", "leases", false}
	kinds         = []*kind{mappingKind, accountKind, secretKind, namespaceKind, eventKind, leaseKind}
)

func (k *kind) apiVersion() string {
	return schema.GroupVersion{Group: k.group, Version: k.version}.String()
}

func (k *kind) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: k.group, Resource: k.resource}
}

// object is decoded JSON. Stored objects are replaced, never modified.
type object = map[string]any

// watchEvent is a change of an object.
type watchEvent struct {
	kind      *kind
	version   int64
	eventType string // ADDED, MODIFIED or DELETED
	object    object
}

// watchHistory is the least number of events from which a watch can start; an older watch must list again.
const watchHistory = 100

// apiServer is an in-memory Kubernetes API. It implements what the operator relies on: resource versions
// and conflicts, generations, the status subresource, finalizers and watches.
type apiServer struct {
	mu      sync.Mutex
	seed    uint64
	version int64
	created int
	objects map[*kind]map[types.NamespacedName]object
	events  []watchEvent
	changed chan struct{} // closed and replaced at every change
}

func newAPIServer(seed uint64) *apiServer {
	s := &apiServer{seed: seed, objects: map[*kind]map[types.NamespacedName]object{}, changed: make(chan struct{})}
	for _, k := range kinds {
		s.objects[k] = map[types.NamespacedName]object{}
	}
	return s
}

func keyOf(o object) types.NamespacedName {
	u := unstructured.Unstructured{Object: o}
	return types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
}

// commit stores an object under a new resource version and notifies the watches. The caller holds mu.
func (s *apiServer) commit(k *kind, eventType string, o object) object {
	s.version++
	u := unstructured.Unstructured{Object: o}
	u.SetResourceVersion(strconv.FormatInt(s.version, 10))
	if eventType == "DELETED" {
		delete(s.objects[k], keyOf(o))
	} else {
		s.objects[k][keyOf(o)] = o
	}
	s.events = append(s.events, watchEvent{k, s.version, eventType, o})
	if len(s.events) > 2*watchHistory {
		s.events = slices.Clone(s.events[watchHistory:])
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return o
}

func (s *apiServer) get(k *kind, key types.NamespacedName) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(k, key)
}

func (s *apiServer) find(k *kind, key types.NamespacedName) (object, error) {
	o, ok := s.objects[k][key]
	if !ok {
		return nil, apierrors.NewNotFound(k.groupResource(), key.Name)
	}
	return o, nil
}

// list returns the objects of a kind sorted by name, and the resource version of the list.
func (s *apiServer) list(k *kind, namespace string) ([]object, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []object
	names := slices.SortedFunc(maps.Keys(s.objects[k]), func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	for _, name := range names {
		if namespace == "" || name.Namespace == namespace {
			found = append(found, s.objects[k][name])
		}
	}
	return found, s.version
}

func (s *apiServer) create(k *kind, o object) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(k, keyOf(o)); err == nil {
		return nil, apierrors.NewAlreadyExists(k.groupResource(), keyOf(o).Name)
	}
	s.created++
	u := unstructured.Unstructured{Object: o}
	u.SetAPIVersion(k.apiVersion())
	u.SetKind(k.name)
	u.SetUID(types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", s.seed, s.created)))
	if err := unstructured.SetNestedField(o, time.Now().UTC().Format(time.RFC3339), "metadata", "creationTimestamp"); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if k.custom {
		u.SetGeneration(1)
		o["status"] = object{"observedGeneration": int64(-1)}
	}
	return s.commit(k, "ADDED", o), nil
}

// update replaces the status of the stored object, or everything except its status.
func (s *apiServer) update(k *kind, key types.NamespacedName, o object, statusOnly bool) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replace(k, key, o, statusOnly)
}

func (s *apiServer) replace(k *kind, key types.NamespacedName, o object, statusOnly bool) (object, error) {
	stored, err := s.find(k, key)
	if apierrors.IsNotFound(err) && k == leaseKind { // an update can create a lease, but not with the UID of a deleted one
		return nil, apierrors.NewConflict(k.groupResource(), key.Name, err)
	}
	if err != nil {
		return nil, err
	}
	before, after := &unstructured.Unstructured{Object: stored}, &unstructured.Unstructured{Object: clone(o)}
	if after.GetResourceVersion() != "" && after.GetResourceVersion() != before.GetResourceVersion() {
		return nil, apierrors.NewConflict(k.groupResource(), key.Name, fmt.Errorf("the object has been modified"))
	}
	if statusOnly {
		status := after.Object["status"]
		after.Object = clone(stored)
		after.Object["status"] = status
	} else {
		preserveServerFields(k, before, after)
	}
	after.SetResourceVersion(before.GetResourceVersion())
	switch {
	case reflect.DeepEqual(after.Object, before.Object):
		return stored, nil
	case after.GetDeletionTimestamp() != nil && len(after.GetFinalizers()) == 0:
		s.commit(k, "DELETED", clone(after.Object))
		return after.Object, nil // with the previous resource version, as kube-apiserver does
	}
	return s.commit(k, "MODIFIED", after.Object), nil
}

// preserveServerFields restores the fields that an update can't change.
func preserveServerFields(k *kind, before, after *unstructured.Unstructured) {
	after.SetAPIVersion(before.GetAPIVersion())
	after.SetKind(before.GetKind())
	after.SetUID(before.GetUID())
	for _, field := range []string{"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"} {
		metadata, _ := after.Object["metadata"].(object)
		delete(metadata, field)
		if value, ok := before.Object["metadata"].(object)[field]; ok {
			metadata[field] = value
		}
	}
	if !k.custom {
		return
	}
	after.Object["status"] = before.Object["status"]
	if !reflect.DeepEqual(after.Object["spec"], before.Object["spec"]) {
		after.SetGeneration(before.GetGeneration() + 1)
	}
}

// patch applies a merge patch (RFC 7386). A resource version in the patch must match the stored object.
func (s *apiServer) patch(k *kind, key types.NamespacedName, patch object, statusOnly bool) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.find(k, key)
	if err != nil {
		return nil, err
	}
	merged, _ := merge(clone(stored), patch).(object)
	return s.replace(k, key, merged, statusOnly)
}

func merge(into, patch any) any {
	fields, ok := patch.(object)
	if !ok {
		return patch
	}
	merged, ok := into.(object)
	if !ok {
		merged = object{}
	}
	for name, value := range fields {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = merge(merged[name], value)
		}
	}
	return merged
}

// delete removes an object, or sets its deletion timestamp if it has finalizers.
func (s *apiServer) delete(k *kind, key types.NamespacedName) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.find(k, key)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: clone(stored)}
	if len(u.GetFinalizers()) == 0 {
		return s.commit(k, "DELETED", u.Object), nil
	}
	if u.GetDeletionTimestamp() != nil {
		return stored, nil
	}
	metadata, _ := u.Object["metadata"].(object)
	metadata["deletionTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	metadata["deletionGracePeriodSeconds"] = int64(0)
	u.SetGeneration(u.GetGeneration() + 1)
	return s.commit(k, "MODIFIED", u.Object), nil
}

func clone(o object) object { return (&unstructured.Unstructured{Object: o}).DeepCopy().Object }

// compact drops all but the newest events.
func (s *apiServer) compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = slices.Clone(s.events[max(0, len(s.events)-10):])
}
