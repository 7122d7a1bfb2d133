package controller

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const simNamespace = "support"

// simObjects are the objects of an API server or a cache, by type and name.
type simObjects map[string]client.Object

func keyOf(obj client.Object, name string) string { return fmt.Sprintf("%T %s", obj, name) }

// read copies the object with the name into obj.
func (o simObjects) read(name string, obj client.Object) error {
	stored := o[keyOf(obj, name)]
	if stored == nil {
		return notFound(name)
	}
	copyInto(stored, obj)
	return nil
}

// objectsOf returns the objects of a type, in the order of their names.
func objectsOf[T client.Object](objects simObjects) []T {
	var found []T
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if obj, ok := objects[key].(T); ok {
			found = append(found, obj)
		}
	}
	return found
}

// copyInto makes an object a copy of another one of its type.
func copyInto(from, to client.Object) {
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from.DeepCopyObject()).Elem())
}

func notFound(name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "objects"}, name)
}

// simAPI is an API server. Its versions are global, and log contains all of them in order.
type simAPI struct {
	mu      sync.Mutex
	version int
	objects simObjects
	secret  bool
	log     []simEvent
	// fails returns the error of a write or read; nil for none.
	fails  func(what string) error
	writes int
}

type simEvent struct {
	obj     client.Object
	deleted bool
}

// put stores a new version, and deletes the object if nothing keeps it.
func (s *simAPI) put(obj client.Object) {
	s.version++
	version, key := strconv.Itoa(s.version), keyOf(obj, obj.GetName())
	isDeleted := obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0
	if isDeleted {
		delete(s.objects, key)
	} else {
		obj.SetResourceVersion(version)
		s.objects[key] = obj
	}
	logged := obj.DeepCopyObject().(client.Object)
	logged.SetResourceVersion(version)
	s.log = append(s.log, simEvent{logged, isDeleted})
}

// account returns the account, or nil if there is none.
func (s *simAPI) account() *v1alpha1.DeepCallAccount {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := &v1alpha1.DeepCallAccount{}
	if s.objects.read("acme", account) != nil {
		return nil
	}
	return account
}

func (s *simAPI) mappings() []*v1alpha1.AgentGroupMapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return objectsOf[*v1alpha1.AgentGroupMapping](s.objects)
}

// liveReader reads from the API server.
type liveReader struct {
	client.Reader
	*simAPI
}

func (r liveReader) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails("get"); err != nil {
		return err
	}
	switch obj := obj.(type) {
	case *v1alpha1.DeepCallAccount:
		return r.objects.read(key.Name, obj)
	case *corev1.Secret:
		if !r.secret {
			return notFound(key.Name)
		}
		obj.Data = map[string][]byte{"ssid": []byte("s3ss10n")}
	}
	return nil
}

func (r liveReader) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails("list"); err != nil {
		return err
	}
	list.SetResourceVersion(strconv.Itoa(r.version))
	full, ok := list.(*v1alpha1.AgentGroupMappingList)
	if !ok {
		return nil
	}
	listOptions := (&client.ListOptions{}).ApplyOptions(options)
	for _, m := range objectsOf[*v1alpha1.AgentGroupMapping](r.objects) {
		if listOptions.FieldSelector.Matches(fields.Set{"spec.agentID": m.Spec.AgentID, "spec.accountRef.name": m.Spec.AccountRef.Name}) {
			full.Items = append(full.Items, *m.DeepCopy())
		}
	}
	return nil
}
