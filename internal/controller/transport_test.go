package controller_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// apiTransport counts a manager's reads and writes of the API server, and lets them fail.
type apiTransport struct {
	mu            sync.Mutex
	reads         map[string]int // by path
	writes        map[string]int // by resource, for example "agentgroupmappings/status"
	blocked       bool
	failingWrites map[string]int // number of writes to fail, by resource
	failingReads  map[string]int // number of reads to fail, by part of the path
	lostAnswers   map[string]int // number of writes that are made without an answer, by resource
	rejected      []string       // ends of the paths of writes to reject
	rejections    int            // number of rejected writes
	forbidden     []string       // parts of the paths of reads to reject
}

func newAPITransport() *apiTransport {
	return &apiTransport{reads: map[string]int{}, writes: map[string]int{}, failingWrites: map[string]int{}, failingReads: map[string]int{}, lostAnswers: map[string]int{}}
}

func (t *apiTransport) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		fails, rejected := t.admit(request)
		switch {
		case fails:
			return nil, errors.New("injected failure")
		case rejected:
			return rejection(request), nil
		}
		response, err := next.RoundTrip(request)
		if err == nil && request.Method != http.MethodGet && t.losesAnswer(request) {
			_ = response.Body.Close()
			return nil, errors.New("injected loss of an answer")
		}
		return response, err
	})
}

// admit counts a request, and reports whether it fails or is rejected.
func (t *apiTransport) admit(request *http.Request) (fails, rejected bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := request.URL.Path
	if request.Method == http.MethodGet {
		t.reads[path]++
		for part := range t.failingReads {
			fails = fails || strings.Contains(path, part) && takeOne(t.failingReads, part)
		}
		return fails, slices.ContainsFunc(t.forbidden, func(part string) bool { return strings.Contains(path, part) })
	}
	resource := resourceOf(path)
	t.writes[resource]++
	if t.blocked || takeOne(t.failingWrites, resource) {
		return true, false
	}
	rejected = slices.ContainsFunc(t.rejected, func(end string) bool { return strings.HasSuffix(path, "/"+end) })
	if rejected {
		t.rejections++
	}
	return false, rejected
}

// losesAnswer reports whether the answer to a write is lost.
func (t *apiTransport) losesAnswer(request *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return takeOne(t.lostAnswers, resourceOf(request.URL.Path))
}

// takeOne reports whether a fault of the key is left, and uses it up.
func takeOne(left map[string]int, key string) bool {
	left[key]--
	return left[key] >= 0
}

// resourceOf returns the resource and subresource of a path of the operator's API group, or another path itself.
func resourceOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/apis/telephony.deepcall.com/v1alpha1/namespaces/"), "/")
	switch {
	case len(parts) < 2:
		return path
	case len(parts) > 3:
		return parts[1] + "/" + parts[3]
	default:
		return parts[1]
	}
}

// failReads lets the next reads of paths that contain part fail.
func (t *apiTransport) failReads(part string, times int) { t.set(t.failingReads, part, times) }

// failWrites lets the next writes of a resource fail.
func (t *apiTransport) failWrites(resource string, times int) {
	t.set(t.failingWrites, resource, times)
}

// loseAnswers lets the next writes of a resource be made without an answer.
func (t *apiTransport) loseAnswers(resource string, times int) { t.set(t.lostAnswers, resource, times) }

func (t *apiTransport) set(faults map[string]int, key string, times int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	faults[key] = times
}

// block lets all writes fail until it is lifted.
func (t *apiTransport) block(blocked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocked = blocked
}

// rejectReads rejects all reads of paths that contain one of the parts, and no others, as without the permission.
func (t *apiTransport) rejectReads(parts ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forbidden = parts
}

// rejectWrites rejects all writes of objects whose paths end so, for example "agentgroupmappings/asha/status", and no others.
func (t *apiTransport) rejectWrites(paths ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rejected = paths
}

func (t *apiTransport) rejectionCount() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rejections
}

// readsOf returns the number of reads of paths with the suffix.
func (t *apiTransport) readsOf(suffix string) int {
	return t.sum(t.reads, func(path string) bool { return strings.HasSuffix(path, suffix) })
}

// mappingWrites returns the number of writes to mappings and their status.
func (t *apiTransport) mappingWrites() int {
	return t.sum(t.writes, func(resource string) bool { return strings.HasPrefix(resource, "agentgroupmappings") })
}

func (t *apiTransport) totalWrites() int { return t.sum(t.writes, func(string) bool { return true }) }

func (t *apiTransport) sum(counts map[string]int, counted func(key string) bool) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := 0
	for key, n := range counts {
		if counted(key) {
			total += n
		}
	}
	return total
}

// rejectionMessage is the API server's message of rejected writes.
const rejectionMessage = `ValidatingAdmissionPolicy "frozen" denied request: no writes today`

// rejection is the API server's answer to a write that an admission policy rejects, and to a read without the permission.
func rejection(request *http.Request) *http.Response {
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden, Message: rejectionMessage,
	})
	if err != nil {
		panic(err) // a Status can always be marshalled
	}
	return &http.Response{
		Status: "403 Forbidden", StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
