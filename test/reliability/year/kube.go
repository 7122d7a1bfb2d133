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

// kind is one of the few kinds that kube knows.
type kind struct {
	group, version, name, resource string
	// custom kinds have a status of its own and a generation.
	custom bool
}

var (
	mappingKind   = &kind{"telephony.deepcall.com", "v1alpha1", "AgentGroupMapping", "agentgroupmappings", true}
	accountKind   = &kind{"telephony.deepcall.com", "v1alpha1", "DeepCallAccount", "deepcallaccounts", true}
	secretKind    = &kind{"", "v1", "Secret", "secrets", false}
	namespaceKind = &kind{"", "v1", "Namespace", "namespaces", false}
	eventKind     = &kind{"events.k8s.io", "v1", "Event", "events", false}
	kinds         = []*kind{mappingKind, accountKind, secretKind, namespaceKind, eventKind}
)

func (k *kind) apiVersion() string {
	return schema.GroupVersion{Group: k.group, Version: k.version}.String()
}

func (k *kind) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: k.group, Resource: k.resource}
}

// object is stored as JSON holds it. What is stored is never changed, only replaced.
type object = map[string]any

// change is what a watch tells.
type change struct {
	kind    *kind
	version int64
	what    string // ADDED, MODIFIED or DELETED
	object  object
}

// kept is how many changes can be watched from; whoever is further behind must list again.
const kept = 100

// kube is a Kubernetes API in memory. It keeps the rules on which the operator relies: versions and
// conflicts, generations, the status apart from the rest, finalizers, and watches.
type kube struct {
	mu      sync.Mutex
	seed    uint64
	version int64
	created int
	objects map[*kind]map[types.NamespacedName]object
	changes []change
	news    chan struct{} // closed, and made anew, by every change
}

func newKube(seed uint64) *kube {
	k := &kube{seed: seed, objects: map[*kind]map[types.NamespacedName]object{}, news: make(chan struct{})}
	for _, each := range kinds {
		k.objects[each] = map[types.NamespacedName]object{}
	}
	return k
}

func keyOf(o object) types.NamespacedName {
	u := unstructured.Unstructured{Object: o}
	return types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
}

// commit stores an object with a new version, and tells those who watch. The caller holds mu.
func (k *kube) commit(of *kind, what string, o object) object {
	k.version++
	u := unstructured.Unstructured{Object: o}
	u.SetResourceVersion(strconv.FormatInt(k.version, 10))
	if what == "DELETED" {
		delete(k.objects[of], keyOf(o))
	} else {
		k.objects[of][keyOf(o)] = o
	}
	k.changes = append(k.changes, change{of, k.version, what, o})
	if len(k.changes) > 2*kept {
		k.changes = slices.Clone(k.changes[kept:])
	}
	close(k.news)
	k.news = make(chan struct{})
	return o
}

func (k *kube) get(of *kind, key types.NamespacedName) (object, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.find(of, key)
}

func (k *kube) find(of *kind, key types.NamespacedName) (object, error) {
	o, ok := k.objects[of][key]
	if !ok {
		return nil, apierrors.NewNotFound(of.groupResource(), key.Name)
	}
	return o, nil
}

// list returns the objects of a kind, sorted by name, and the version as of which it is.
func (k *kube) list(of *kind, namespace string) ([]object, int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []object
	names := slices.SortedFunc(maps.Keys(k.objects[of]), func(a, b types.NamespacedName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	for _, name := range names {
		if namespace == "" || name.Namespace == namespace {
			found = append(found, k.objects[of][name])
		}
	}
	return found, k.version
}

func (k *kube) create(of *kind, o object) (object, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.find(of, keyOf(o)); err == nil {
		return nil, apierrors.NewAlreadyExists(of.groupResource(), keyOf(o).Name)
	}
	k.created++
	u := unstructured.Unstructured{Object: o}
	u.SetAPIVersion(of.apiVersion())
	u.SetKind(of.name)
	u.SetUID(types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", k.seed, k.created)))
	if err := unstructured.SetNestedField(o, time.Now().UTC().Format(time.RFC3339), "metadata", "creationTimestamp"); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if of.custom {
		u.SetGeneration(1)
		o["status"] = object{"observedGeneration": int64(-1)}
	}
	return k.commit(of, "ADDED", o), nil
}

// update puts an object in place of the stored one: its status alone, or all but its status.
func (k *kube) update(of *kind, key types.NamespacedName, o object, statusOnly bool) (object, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.replace(of, key, o, statusOnly)
}

func (k *kube) replace(of *kind, key types.NamespacedName, o object, statusOnly bool) (object, error) {
	stored, err := k.find(of, key)
	if err != nil {
		return nil, err
	}
	was, is := &unstructured.Unstructured{Object: stored}, &unstructured.Unstructured{Object: clone(o)}
	if is.GetResourceVersion() != "" && is.GetResourceVersion() != was.GetResourceVersion() {
		return nil, apierrors.NewConflict(of.groupResource(), key.Name, fmt.Errorf("the object has been modified"))
	}
	if statusOnly {
		status := is.Object["status"]
		is.Object = clone(stored)
		is.Object["status"] = status
	} else {
		k.keepWhatIsOurs(of, was, is)
	}
	is.SetResourceVersion(was.GetResourceVersion())
	switch {
	case reflect.DeepEqual(is.Object, was.Object):
		return stored, nil
	case is.GetDeletionTimestamp() != nil && len(is.GetFinalizers()) == 0:
		k.commit(of, "DELETED", clone(is.Object))
		return is.Object, nil // with the version before, as the API server does
	}
	return k.commit(of, "MODIFIED", is.Object), nil
}

// keepWhatIsOurs has an update leave alone what only the API server sets.
func (*kube) keepWhatIsOurs(of *kind, was, is *unstructured.Unstructured) {
	is.SetAPIVersion(was.GetAPIVersion())
	is.SetKind(was.GetKind())
	is.SetUID(was.GetUID())
	for _, field := range []string{"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"} {
		metadata, _ := is.Object["metadata"].(object)
		delete(metadata, field)
		if value, ok := was.Object["metadata"].(object)[field]; ok {
			metadata[field] = value
		}
	}
	if !of.custom {
		return
	}
	is.Object["status"] = was.Object["status"]
	if !reflect.DeepEqual(is.Object["spec"], was.Object["spec"]) {
		is.SetGeneration(was.GetGeneration() + 1)
	}
}

// patch merges, as RFC 7386 says. A version in the patch must be that of the stored object.
func (k *kube) patch(of *kind, key types.NamespacedName, patch object, statusOnly bool) (object, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	stored, err := k.find(of, key)
	if err != nil {
		return nil, err
	}
	merged, _ := merge(clone(stored), patch).(object)
	return k.replace(of, key, merged, statusOnly)
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

// delete removes an object, or marks it while it has finalizers.
func (k *kube) delete(of *kind, key types.NamespacedName) (object, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	stored, err := k.find(of, key)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: clone(stored)}
	if len(u.GetFinalizers()) == 0 {
		return k.commit(of, "DELETED", u.Object), nil
	}
	if u.GetDeletionTimestamp() != nil {
		return stored, nil
	}
	metadata, _ := u.Object["metadata"].(object)
	metadata["deletionTimestamp"] = time.Now().UTC().Format(time.RFC3339)
	metadata["deletionGracePeriodSeconds"] = int64(0)
	u.SetGeneration(u.GetGeneration() + 1)
	return k.commit(of, "MODIFIED", u.Object), nil
}

func clone(o object) object { return (&unstructured.Unstructured{Object: o}).DeepCopy().Object }

// forget drops all changes but the newest, as a compaction does.
func (k *kube) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes = slices.Clone(k.changes[max(0, len(k.changes)-10):])
}
