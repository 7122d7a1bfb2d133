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
	rejected      []string       // parts of the paths of writes to reject
	rejections    int            // number of rejected writes
	forbidden     []string       // parts of the paths of reads to reject
}

func newAPITransport() *apiTransport {
	return &apiTransport{reads: map[string]int{}, writes: map[string]int{}, failingWrites: map[string]int{}, failingReads: map[string]int{}, lostAnswers: map[string]int{}}
}

func (t *apiTransport) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method == http.MethodGet && t.failsRead(request.URL.Path) {
			return nil, errors.New("injected read failure")
		}
		if request.Method == http.MethodGet && t.rejectsRead(request.URL.Path) {
			return rejection(request), nil
		}
		if request.Method != http.MethodGet && t.failsWrite(resourceOf(request.URL.Path)) {
			return nil, errors.New("injected write failure")
		}
		if request.Method != http.MethodGet && t.rejectsWrite(request.URL.Path) {
			return rejection(request), nil
		}
		response, err := next.RoundTrip(request)
		if err == nil && request.Method != http.MethodGet && t.losesAnswer(resourceOf(request.URL.Path)) {
			_ = response.Body.Close()
			return nil, errors.New("injected loss of an answer")
		}
		return response, err
	})
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

// failsRead counts a read and reports whether it fails.
func (t *apiTransport) failsRead(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads[path]++
	for part, times := range t.failingReads {
		if times > 0 && strings.Contains(path, part) {
			t.failingReads[part]--
			return true
		}
	}
	return false
}

// rejectsRead reports whether a read is rejected.
func (t *apiTransport) rejectsRead(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.forbidden, func(part string) bool { return strings.Contains(path, part) })
}

// rejectReads rejects all reads of paths that contain one of the parts, and no others, as without the permission.
func (t *apiTransport) rejectReads(parts ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forbidden = parts
}

// failsWrite counts a write and reports whether it fails.
func (t *apiTransport) failsWrite(resource string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes[resource]++
	t.failingWrites[resource]--
	return t.blocked || t.failingWrites[resource] >= 0
}

// block lets all writes fail until it is lifted.
func (t *apiTransport) block(blocked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocked = blocked
}

// failReads lets the next reads of paths that contain part fail.
func (t *apiTransport) failReads(part string, times int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failingReads[part] = times
}

// failWrites lets the next writes of a resource fail.
func (t *apiTransport) failWrites(resource string, times int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failingWrites[resource] = times
}

// losesAnswer reports whether the answer to a write is lost.
func (t *apiTransport) losesAnswer(resource string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lostAnswers[resource]--
	return t.lostAnswers[resource] >= 0
}

// loseAnswers lets the next writes of a resource be made without an answer.
func (t *apiTransport) loseAnswers(resource string, times int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lostAnswers[resource] = times
}

// readsOf returns the number of reads of paths with the suffix.
func (t *apiTransport) readsOf(suffix string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := 0
	for path, n := range t.reads {
		if strings.HasSuffix(path, suffix) {
			total += n
		}
	}
	return total
}

// rejectsWrite reports whether a write is rejected.
func (t *apiTransport) rejectsWrite(path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.ContainsFunc(t.rejected, func(end string) bool { return strings.HasSuffix(path, "/"+end) }) {
		return false
	}
	t.rejections++
	return true
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

// mappingWrites returns the number of writes to mappings and their status.
func (t *apiTransport) mappingWrites() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes["agentgroupmappings"] + t.writes["agentgroupmappings/status"]
}

func (t *apiTransport) totalWrites() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := 0
	for _, n := range t.writes {
		total += n
	}
	return total
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
