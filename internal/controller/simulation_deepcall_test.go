package controller

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// simDeepCall is DeepCall.
type simDeepCall struct {
	mu       sync.Mutex
	replaces bool
	groups   map[string]map[string]bool // by agent
	inFlight map[string]int
	errs     []string
	requests []string
	// respond returns the latency, whether the request is applied, and the answer.
	respond func() (latency time.Duration, applied bool, status int, body string, err error)
	// removals is how many mappings of each agent were created, edited and deleted.
	removals map[string]int
	// expected requests may repeat what DeepCall has.
	mayRepeat func(agent string) bool
}

const (
	bodySuccess  = `{"status":"success","code":200,"message":"ok"}`
	bodyRejected = `{"status":"error","code":1000,"message":"no"}`
)

// allowRemoval lets a request for the agent repeat what DeepCall has.
func (d *simDeepCall) allowRemoval(agent string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removals[agent]++
}

func (d *simDeepCall) RoundTrip(r *http.Request) (*http.Response, error) {
	var body struct {
		AgentID string
		Group   map[string]struct {
			Receive string `json:"receive_call"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	d.mu.Lock()
	if d.inFlight[body.AgentID]++; d.inFlight[body.AgentID] > 1 {
		d.errs = append(d.errs, "two requests in flight for agent "+body.AgentID)
	}
	latency, applied, status, text, err := d.respond()
	d.mu.Unlock()
	ended := false
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		ended = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight[body.AgentID]--
	if ended {
		return nil, r.Context().Err()
	}
	request := fmt.Sprintf("agent %s: %v", body.AgentID, body.Group)
	d.requests = append(d.requests, fmt.Sprintf("%s: %d %v %v", request, status, applied, err))
	if applied {
		have, want := d.groups[body.AgentID], map[string]bool{}
		changes := have == nil
		for id, g := range body.Group {
			want[id] = g.Receive == "Y"
			if value, has := have[id]; !has || value != want[id] {
				changes = true
			}
		}
		if d.replaces && len(have) != len(want) {
			changes = true
		}
		if !changes && !d.mayRepeat(body.AgentID) {
			// A removal can send what DeepCall has, once.
			if d.removals[body.AgentID]--; d.removals[body.AgentID] < 0 {
				d.errs = append(d.errs, "repeats "+request)
			}
		}
		if d.replaces || have == nil {
			d.groups[body.AgentID] = want
		} else {
			maps.Copy(have, want)
		}
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}
