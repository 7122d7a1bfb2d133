package controller_test

import (
	"fmt"
	"slices"
	"strings"
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

// statusOf returns the conditions of a mapping or an account, the generation that they describe, and the last response from DeepCall.
func statusOf(object client.Object) (conditions []metav1.Condition, generation int64, last *v1alpha1.LastResponse) {
	switch object := object.(type) {
	case *v1alpha1.AgentGroupMapping:
		return object.Status.Conditions, object.Status.ObservedGeneration, object.Status.LastResponse
	case *v1alpha1.DeepCallAccount:
		return object.Status.Conditions, object.Status.ObservedGeneration, object.Status.LastResponse
	}
	return nil, 0, nil
}

// summarize returns the conditions of a mapping or an account in one line, for example
// "Ready=False InvalidGroupData Stalled", and "pending" while the status is of an older generation.
func summarize(object client.Object) string {
	conditions, generation, _ := statusOf(object)
	if generation != object.GetGeneration() {
		return "pending"
	}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return "no Ready"
	}
	words := []string{fmt.Sprintf("Ready=%s %s", ready.Status, ready.Reason)}
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if meta.FindStatusCondition(conditions, kind) != nil {
			words = append(words, kind)
		}
	}
	for _, condition := range conditions {
		if condition.ObservedGeneration != generation {
			words = append(words, fmt.Sprintf("%s has generation %d", condition.Type, condition.ObservedGeneration))
		}
	}
	return strings.Join(words, " ")
}

// observe returns the current observation of an object. It is empty while the status is of an older generation.
func observe(object client.Object) observation {
	conditions, _, last := statusOf(object)
	o := observation{conditions: summarize(object)}
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
	if mapping, ok := object.(*v1alpha1.AgentGroupMapping); ok {
		o.uncertain = mapping.Status.Uncertain
	}
	return o
}

// statusHistory records all observations of the mappings and accounts of a namespace in order, however short-lived.
type statusHistory struct {
	mu           sync.Mutex
	observations map[string][]observation // by kind and name
}

// newRecordedTestEnv returns an environment as newEmptyTestEnv does, and the history of its objects.
func newRecordedTestEnv() (*testEnv, *statusHistory) {
	GinkgoHelper()
	e := newEmptyTestEnv()
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
	return e, h
}

func (h *statusHistory) record(object runtime.Object) {
	observed, ok := object.(client.Object)
	if !ok {
		return
	}
	o := observe(observed)
	if o.conditions == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := historyKey(observed, observed.GetName())
	if recorded := h.observations[key]; len(recorded) == 0 || recorded[len(recorded)-1] != o {
		h.observations[key] = append(recorded, o)
	}
}

func historyKey(kind client.Object, name string) string { return fmt.Sprintf("%T %s", kind, name) }

func (h *statusHistory) ofMapping(name string) func() []observation {
	return h.of(&v1alpha1.AgentGroupMapping{}, name)
}

func (h *statusHistory) ofAccount(name string) func() []observation {
	return h.of(&v1alpha1.DeepCallAccount{}, name)
}

func (h *statusHistory) of(kind client.Object, name string) func() []observation {
	return func() []observation {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Clone(h.observations[historyKey(kind, name)])
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
