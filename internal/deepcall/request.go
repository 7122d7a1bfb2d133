package deepcall

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"
)

// Request changes the groups of one agent.
type Request struct {
	AgentID string
	// Groups maps a group's ID to whether the agent receives the group's calls.
	Groups map[string]bool
}

// wireRequest is the JSON of a request, with the keys in the order of the vendor's example.
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

// encode returns the JSON of a request. The groups are sorted, and HTML is not escaped, as in the vendor's examples.
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
	_ = encoder.Encode(wire) // it can't fail for strings
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// onceBody is the body of a request. It records whether it was read: DeepCall can't apply a request without its body.
type onceBody struct {
	io.Reader
	maySend func() error // checked before every read; nil for none
	state   atomic.Int32
}

const (
	bodyUnread int32 = iota
	bodyRead
	bodyClosed
)

func (b *onceBody) Read(p []byte) (int, error) {
	if b.maySend != nil {
		if err := b.maySend(); err != nil {
			return 0, err
		}
	}
	if b.state.CompareAndSwap(bodyUnread, bodyRead) || b.state.Load() == bodyRead {
		return b.Reader.Read(p)
	}
	return 0, errors.New("the request has ended")
}

// Close does nothing: the transport closes a body that it still reads.
func (b *onceBody) Close() error { return nil }

// closeUnread closes the body if none of it was read, and reports whether it did. When a request ends early, the
// transport can still be about to read it.
func (b *onceBody) closeUnread() bool {
	return b.state.CompareAndSwap(bodyUnread, bodyClosed)
}
