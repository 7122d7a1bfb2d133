package controller_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// standing is the current generation's conditions in a line; "pending" while they are of an older one.
func standing(mapping *v1alpha1.AgentGroupMapping) string {
	if mapping.Status.ObservedGeneration != mapping.Generation {
		return "pending"
	}
	return conditions(mapping.Generation, mapping.Status.Conditions)
}

func conditions(generation int64, list []metav1.Condition) string {
	ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	if ready == nil {
		return "no Ready"
	}
	line := []string{fmt.Sprintf("Ready=%s %s", ready.Status, ready.Reason)}
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if condition := meta.FindStatusCondition(list, kind); condition != nil {
			line = append(line, kind)
		}
	}
	for _, condition := range list {
		if condition.ObservedGeneration != generation {
			line = append(line, fmt.Sprintf("%s is of generation %d", condition.Type, condition.ObservedGeneration))
		}
	}
	return strings.Join(line, " ")
}

// writes counts what a manager writes to the API server, by verb and resource.
type writes struct {
	mu      sync.Mutex
	by      map[string]int
	fenced  bool
	failing map[string]int
}

func newWrites() *writes { return &writes{by: map[string]int{}, failing: map[string]int{}} }

func (w *writes) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method == http.MethodGet && w.failsRead(request.URL.Path) {
			return nil, errors.New("the read did not get through")
		}
		if request.Method != http.MethodGet {
			parts := strings.Split(strings.TrimPrefix(request.URL.Path, "/apis/telephony.deepcall.com/v1alpha1/namespaces/"), "/")
			if len(parts) < 2 {
				parts = []string{"", request.URL.Path}
			}
			key := parts[1]
			if len(parts) > 3 {
				key += "/" + parts[3]
			}
			w.mu.Lock()
			fails := w.fenced || w.failing[key] > 0
			w.failing[key]--
			w.by[key]++
			w.mu.Unlock()
			if fails {
				return nil, errors.New("the write did not get through")
			}
		}
		return next.RoundTrip(request)
	})
}

func (w *writes) fence(up bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fenced = up
}

// failReads lets the next reads of a path that contains the part fail.
func (w *writes) failReads(part string, times int) {
	w.fail(part, times)
}

func (w *writes) failsRead(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for part, times := range w.failing {
		if times > 0 && strings.HasPrefix(part, "/") && strings.Contains(path, part) {
			w.failing[part]--
			return true
		}
	}
	return false
}

// fail lets the next writes of a kind fail.
func (w *writes) fail(kind string, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failing[kind] = times
}

// ofMappings is how many writes went to mappings, status included.
func (w *writes) ofMappings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.by["agentgroupmappings"] + w.by["agentgroupmappings/status"]
}

func (w *writes) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, count := range w.by {
		n += count
	}
	return n
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
