package controller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

func TestAnyInUse(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Namespace: "support", Name: "asha", Labels: map[string]string{"shard": "a"}}
	mapping := func(change func(*v1alpha1.AgentGroupMapping)) []client.Object {
		m := &v1alpha1.AgentGroupMapping{ObjectMeta: *meta.DeepCopy()}
		m.Status.ObservedGeneration = -1
		change(m)
		return []client.Object{m}
	}
	account := func(change func(*v1alpha1.DeepCallAccount)) []client.Object {
		a := &v1alpha1.DeepCallAccount{ObjectMeta: *meta.DeepCopy()}
		a.Status.ObservedGeneration = -1
		change(a)
		return []client.Object{a}
	}
	finalized := mapping(func(m *v1alpha1.AgentGroupMapping) { m.Finalizers = []string{v1alpha1.StopCallsFinalizer} })
	attempted := func(m *v1alpha1.AgentGroupMapping) {
		m.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: "{}"}
	}
	ready := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Synced"}}
	var many []client.Object
	for i := range 1000 {
		many = append(many, mapping(func(m *v1alpha1.AgentGroupMapping) { m.Name = fmt.Sprintf("agent-%04d", i) })...)
	}
	otherShard := labels.SelectorFromSet(labels.Set{"shard": "b"})

	for name, c := range map[string]struct {
		objects []client.Object
		scope   tenancy.Scope
		want    bool
	}{
		"nothing":                           {},
		"a new mapping":                     {objects: mapping(func(*v1alpha1.AgentGroupMapping) {})},
		"a new account":                     {objects: account(func(*v1alpha1.DeepCallAccount) {})},
		"a finalizer of another controller": {objects: mapping(func(m *v1alpha1.AgentGroupMapping) { m.Finalizers = []string{"example.com/other"} })},
		"a mapping with the finalizer":      {objects: finalized, want: true},
		"a mapping with an attempt":         {objects: mapping(attempted), want: true},
		"a mapping with a status":           {objects: mapping(func(m *v1alpha1.AgentGroupMapping) { m.Status.Conditions = ready }), want: true},
		"an account with the finalizer": {
			objects: account(func(a *v1alpha1.DeepCallAccount) { a.Finalizers = []string{v1alpha1.InUseFinalizer} }), want: true,
		},
		"an account with a status":    {objects: account(func(a *v1alpha1.DeepCallAccount) { a.Status.Conditions = ready }), want: true},
		"many new mappings":           {objects: many},
		"one of many":                 {objects: append(many, finalized...), want: true},
		"in a watched namespace":      {objects: finalized, scope: tenancy.Scope{Namespaces: []string{"sales", "support"}}, want: true},
		"in another namespace":        {objects: finalized, scope: tenancy.Scope{Namespaces: []string{"sales"}}},
		"selected by the labels":      {objects: finalized, scope: tenancy.Scope{Selector: labels.SelectorFromSet(meta.Labels)}, want: true},
		"of another manager's labels": {objects: finalized, scope: tenancy.Scope{Selector: otherShard}},
	} {
		t.Run(name, func(t *testing.T) {
			reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.objects...).Build()
			if got, err := controller.AnyInUse(t.Context(), reader, controller.Options{Scope: c.scope}); got != c.want || err != nil {
				t.Errorf("got %t, %v, want %t", got, err, c.want)
			}
		})
	}
}

func TestAnyInUse_reads_all_pages(t *testing.T) {
	pages := map[string]v1alpha1.AgentGroupMappingList{
		"":  {ListMeta: metav1.ListMeta{Continue: "2"}, Items: []v1alpha1.AgentGroupMapping{{}}},
		"2": {ListMeta: metav1.ListMeta{Continue: "3"}},
		"3": {Items: []v1alpha1.AgentGroupMapping{{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{v1alpha1.StopCallsFinalizer}}}}},
	}
	reader := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			listed := (&client.ListOptions{}).ApplyOptions(options)
			if mappings, ok := list.(*v1alpha1.AgentGroupMappingList); ok {
				*mappings = pages[listed.Continue]
			}
			if listed.Limit == 0 {
				t.Error("reads without a limit")
			}
			return nil
		},
	})
	if inUse, err := controller.AnyInUse(t.Context(), reader, controller.Options{}); !inUse || err != nil {
		t.Errorf("got %t, %v", inUse, err)
	}
}

// When a watched namespace is deleted, the permissions in it are deleted, too. A replica must be able to become the leader then.
func TestAnyInUse_without_a_permission(t *testing.T) {
	reader := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no Role"))
		},
	})
	if inUse, err := controller.AnyInUse(t.Context(), reader, controller.Options{}); !inUse || err != nil {
		t.Errorf("got %t, %v", inUse, err)
	}
}
