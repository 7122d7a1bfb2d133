package controller_test

import (
	"fmt"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// observation is what a user sees in the status of a mapping or an account.
type observation struct {
	conditions string // as returned by summarize
	message    string // of all conditions except Duplicate
	response   string // the last response from DeepCall, for example "1505 Invalid group data"
	uncertain  bool
}

// synced is the observation of a mapping whose groups DeepCall confirmed.
var synced = observation{
	conditions: "Ready=True Synced",
	message:    "DeepCall confirmed the declared groups",
	response:   "200 Agent group mapping updated successfully",
}

// observe returns the current observation of an object. It is empty while the status is of an older generation.
func observe(object runtime.Object) observation {
	var conditions []metav1.Condition
	var last *v1alpha1.LastResponse
	o := observation{conditions: summarize(object)}
	switch object := object.(type) {
	case *v1alpha1.AgentGroupMapping:
		conditions, last, o.uncertain = object.Status.Conditions, object.Status.LastResponse, object.Status.Uncertain
	case *v1alpha1.DeepCallAccount:
		conditions, last = object.Status.Conditions, object.Status.LastResponse
	}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || o.conditions == "pending" {
		return observation{}
	}
	o.message = ready.Message
	for _, other := range conditions {
		if other.Type != v1alpha1.ConditionDuplicate && (other.Message != ready.Message || other.Reason != ready.Reason) {
			o.message += fmt.Sprintf("; different in %s: %s %s", other.Type, other.Reason, other.Message)
		}
	}
	if last != nil {
		o.response = fmt.Sprintf("%d %s", last.Code, last.Message)
	}
	return o
}

// statusHistory records all observations of the mappings and accounts of a namespace in order, however short-lived.
type statusHistory struct {
	mu           sync.Mutex
	observations map[string][]observation // by kind and name
}

// recordHistory starts a history. It must be called before the environment has any object.
func recordHistory(e *testEnv) *statusHistory {
	GinkgoHelper()
	h := &statusHistory{observations: map[string][]observation{}}
	watcher, err := client.NewWithWatch(controlPlane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	for _, list := range []client.ObjectList{&v1alpha1.AgentGroupMappingList{}, &v1alpha1.DeepCallAccountList{}} {
		events, err := watcher.Watch(ctx, list, client.InNamespace(e.namespace))
		Expect(err).NotTo(HaveOccurred())
		var recording sync.WaitGroup
		recording.Go(func() {
			for event := range events.ResultChan() {
				h.record(event.Object)
			}
		})
		DeferCleanup(func() {
			events.Stop()
			recording.Wait()
		})
	}
	return h
}

func (h *statusHistory) record(object runtime.Object) {
	o := observe(object)
	named, ok := object.(client.Object)
	if o.conditions == "" || !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := historyKey(named, named.GetName())
	if recorded := h.observations[key]; len(recorded) == 0 || recorded[len(recorded)-1] != o {
		h.observations[key] = append(recorded, o)
	}
}

func historyKey(kind client.Object, name string) string { return fmt.Sprintf("%T %s", kind, name) }

func (h *statusHistory) ofMapping(name string) func() []observation {
	return h.of(historyKey(&v1alpha1.AgentGroupMapping{}, name))
}

func (h *statusHistory) ofAccount(name string) func() []observation {
	return h.of(historyKey(&v1alpha1.DeepCallAccount{}, name))
}

func (h *statusHistory) of(key string) func() []observation {
	return func() []observation {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Clone(h.observations[key])
	}
}

// conditionsOf returns the conditions of observations, without consecutive duplicates.
func conditionsOf(observations []observation) []string {
	var lines []string
	for _, o := range observations {
		lines = append(lines, o.conditions)
	}
	return slices.Compact(lines)
}
