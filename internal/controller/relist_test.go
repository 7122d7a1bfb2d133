package controller

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// The freshness check relies on it: when a handler is called for an object of a list, the cache has the whole list. This is so by
// client-go's feature gate AtomicFIFO. Without it, the handler would see the newest version while the cache still has old
// versions of the objects that follow in the list.
func TestInformer_has_the_whole_list_before_it_calls_handlers(t *testing.T) {
	object := func(name, version string) *v1alpha1.AgentGroupMapping {
		return &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: name, UID: "u", ResourceVersion: version}}
	}
	lists := make(chan *v1alpha1.AgentGroupMappingList, 2)
	list := func(version, a, b string) *v1alpha1.AgentGroupMappingList {
		list := &v1alpha1.AgentGroupMappingList{ListMeta: metav1.ListMeta{ResourceVersion: version}}
		list.Items = append(list.Items, *object("a", a))
		for n := range 5000 {
			list.Items = append(list.Items, *object(fmt.Sprint("a", n), "3"))
		}
		list.Items = append(list.Items, *object("b", b))
		return list
	}
	lists <- list("5", "4", "5")
	lists <- list("20", "20", "12")
	watches := 0
	informer := toolscache.NewSharedIndexInformer(toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return <-lists, nil },
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			w := watch.NewFakeWithChanSize(1, false)
			if watches++; watches == 1 {
				w.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired})
			}
			return w, nil
		},
	}, noWatchList{}), &v1alpha1.AgentGroupMapping{}, 0, toolscache.Indexers{})
	seen := make(chan string, 10)
	if _, err := informer.AddEventHandler(handler[*v1alpha1.AgentGroupMapping]{
		set: func(m *v1alpha1.AgentGroupMapping) {
			if m.ResourceVersion != "20" {
				return
			}
			b, _, _ := informer.GetIndexer().GetByKey("support/b")
			seen <- b.(*v1alpha1.AgentGroupMapping).ResourceVersion
		},
		delete: func(*v1alpha1.AgentGroupMapping) {},
	}); err != nil {
		t.Fatal(err)
	}
	go informer.RunWithContext(t.Context())
	select {
	case version := <-seen:
		if version != "12" {
			t.Errorf("the cache has version %s of the other object", version)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no relist")
	}
}

type noWatchList struct{}

func (noWatchList) IsWatchListSemanticsUnSupported() bool { return true }
