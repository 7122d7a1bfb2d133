package plan

import (
	"maps"

	"github.com/deepcall/deepcall-operator/internal/deepcall"
)

const (
	invalidGroup = 1505
	invalidToken = 1014
	endpoint     = "https://v4-api.deepcall.com"
)

func failure(code int) *deepcall.Error {
	entry, _ := deepcall.Lookup(code)
	return &deepcall.Error{Entry: entry, Answer: &deepcall.Answer{Code: code, Message: entry.Message}}
}

// deepCall is a model of DeepCall's side of one agent, under one of the two readings of its page.
type deepCall struct {
	// replaces reports that a request replaces all groups. Otherwise groups that it omits stay as they are.
	replaces bool
	// unknown groups don't exist: a request with one of them is rejected as a whole (1505).
	unknown map[string]bool
	groups  Groups
	// drifted groups were changed outside of the operator since they were last sent.
	drifted map[string]bool
	// requests are the requests so far, in order.
	requests     []string
	lastAccepted bool
}

func (d *deepCall) update(request Groups) (accepted bool) {
	d.requests = append(d.requests, text(request))
	defer func() { d.lastAccepted = accepted }()
	if len(request) == 0 {
		return false
	}
	for group := range request {
		if d.unknown[group] {
			return false
		}
	}
	if d.replaces || d.groups == nil {
		d.groups = Groups{}
	}
	maps.Copy(d.groups, request)
	for group := range request {
		delete(d.drifted, group)
	}
	return true
}

// vanish deletes groups in DeepCall, outside of the operator.
func (d *deepCall) vanish(groups ...string) {
	for _, group := range groups {
		d.unknown[group], d.drifted[group] = true, true
		delete(d.groups, group)
	}
}
