package deepcall

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"
)

// Request is the change of one agent's groups.
type Request struct {
	AgentID string
	// Groups says for each group's ID whether the agent receives its calls.
	Groups map[string]bool
}

// wireRequest is the body, its keys in the order of the vendor's example.
type wireRequest struct {
	UserID  string               `json:"userId,omitempty"`
	Token   string               `json:"token,omitempty"`
	SSID    string               `json:"ssid,omitempty"`
	AgentID string               `json:"agentId"`
	Group   map[string]wireGroup `json:"group"`
}

type wireGroup struct {
	ReceiveCall string `json:"receive_call"`
}

// encode writes the body; groups come out sorted. HTML is not escaped, as the
// vendor's examples don't.
func encode(cred Credentials, req Request) []byte {
	s := cred.secrets()
	wire := wireRequest{UserID: s.userID, Token: s.token, SSID: s.ssid, AgentID: req.AgentID, Group: map[string]wireGroup{}}
	for id, receives := range req.Groups {
		wire.Group[id] = wireGroup{"N"}
		if receives {
			wire.Group[id] = wireGroup{"Y"}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(wire) // strings in memory can't fail
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// onceBody is a request's body that knows whether any of it was taken. Without
// its body DeepCall can't apply a request.
type onceBody struct {
	io.Reader
	state atomic.Int32
}

const (
	bodyUntouched int32 = iota
	bodyTaken
	bodySealed
)

func (b *onceBody) Read(p []byte) (int, error) {
	if b.state.CompareAndSwap(bodyUntouched, bodyTaken) || b.state.Load() == bodyTaken {
		return b.Reader.Read(p)
	}
	return 0, errors.New("the call is over")
}

func (b *onceBody) Close() error { return nil }

// seal reports whether nothing of the body was taken, and sees to it that
// nothing will be: the transport may still be writing when a call is given up.
func (b *onceBody) seal() bool {
	return b.state.CompareAndSwap(bodyUntouched, bodySealed)
}
