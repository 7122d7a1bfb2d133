package controller

import (
	"context"
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

// simAPI is an API server. Its versions are global, and log contains all of them in order.
type simAPI struct {
	mu       sync.Mutex
	version  int
	mappings map[string]*v1alpha1.AgentGroupMapping
	accounts map[string]*v1alpha1.DeepCallAccount
	secret   bool
	log      []simEvent
	// fails returns the error of a write or read; nil for none.
	fails  func(what string) error
	writes int
}

type simEvent struct {
	obj     client.Object
	deleted bool
}

func notFound(name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "objects"}, name)
}

// put stores a new version, and deletes the object if nothing keeps it.
func (s *simAPI) put(obj client.Object) {
	if obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0 {
		s.remove(obj)
		return
	}
	s.version++
	obj.SetResourceVersion(strconv.Itoa(s.version))
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		s.mappings[obj.Name] = obj
	case *v1alpha1.DeepCallAccount:
		s.accounts[obj.Name] = obj
	}
	s.log = append(s.log, simEvent{obj: obj.DeepCopyObject().(client.Object)})
}

func (s *simAPI) remove(obj client.Object) {
	s.version++
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		delete(s.mappings, obj.Name)
	case *v1alpha1.DeepCallAccount:
		delete(s.accounts, obj.Name)
	}
	gone := obj.DeepCopyObject().(client.Object)
	gone.SetResourceVersion(strconv.Itoa(s.version))
	s.log = append(s.log, simEvent{obj: gone, deleted: true})
}

func (s *simAPI) live(obj client.Object) client.Object {
	switch obj := obj.(type) {
	case *v1alpha1.AgentGroupMapping:
		if m := s.mappings[obj.Name]; m != nil {
			return m.DeepCopy()
		}
	case *v1alpha1.DeepCallAccount:
		if a := s.accounts[obj.Name]; a != nil {
			return a.DeepCopy()
		}
	}
	return nil
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
		a := r.accounts[key.Name]
		if a == nil {
			return notFound(key.Name)
		}
		a.DeepCopyInto(obj)
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
	for _, m := range r.mappings {
		if listOptions.FieldSelector.Matches(fields.Set{"spec.agentID": m.Spec.AgentID, "spec.accountRef.name": m.Spec.AccountRef.Name}) {
			full.Items = append(full.Items, *m.DeepCopy())
		}
	}
	return nil
}
