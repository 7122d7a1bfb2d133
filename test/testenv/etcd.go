package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Stored calls each for all versions of all objects in etcd: the current ones and those that are not compacted yet. Keys
// have the form /registry/secrets/NAMESPACE/NAME. It uses the JSON gateway of etcd.
func (p *ControlPlane) Stored(ctx context.Context, each func(key string, value []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := p.postEtcd(ctx, "kv/range", map[string]any{"key": []byte{0}, "range_end": []byte{0}})
	if err != nil {
		return err
	}
	defer body.Close()
	var current struct {
		Header struct {
			Revision int64 `json:",string"`
		}
		Kvs []keyValue
	}
	if err := json.NewDecoder(body).Decode(&current); err != nil {
		return fmt.Errorf("read etcd's response: %w", err)
	}
	for _, kv := range current.Kvs {
		each(string(kv.Key), kv.Value)
	}
	return p.storedBetween(ctx, 1, current.Header.Revision, each)
}

type keyValue struct {
	Key, Value  []byte
	ModRevision int64 `json:"mod_revision,string"`
}

// watchResponse is a message of etcd's watch.
type watchResponse struct {
	Result struct {
		Canceled        bool
		CompactRevision int64 `json:"compact_revision,string"`
		Events          []struct{ Kv keyValue }
	}
	Error *struct{ Message string }
}

// storedBetween calls each for the versions that were written from revision first to revision last.
func (p *ControlPlane) storedBetween(ctx context.Context, first, last int64, each func(string, []byte)) error {
	body, err := p.postEtcd(ctx, "watch", map[string]any{"create_request": map[string]any{
		"key": []byte{0}, "range_end": []byte{0}, "start_revision": first,
	}})
	if err != nil {
		return err
	}
	defer body.Close()
	for messages := json.NewDecoder(body); ; {
		var message watchResponse
		if err := messages.Decode(&message); err != nil {
			return fmt.Errorf("read etcd's watch: %w", err)
		}
		switch {
		case message.Error != nil:
			return errors.New("etcd: " + message.Error.Message)
		case message.Result.CompactRevision > first:
			return p.storedBetween(ctx, message.Result.CompactRevision, last, each)
		case message.Result.Canceled:
			return errors.New("etcd canceled the watch")
		}
		for _, event := range message.Result.Events {
			each(string(event.Kv.Key), event.Kv.Value)
			if event.Kv.ModRevision >= last {
				return nil
			}
		}
	}
}

// postEtcd sends a request to etcd and returns the body of the response.
func (p *ControlPlane) postEtcd(ctx context.Context, path string, message any) (io.ReadCloser, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode the request to etcd: %w", err)
	}
	url := p.environment.ControlPlane.Etcd.URL.String() + "/v3/" + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("create the request to etcd: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send the request to etcd: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(errors.New("etcd responded with "+response.Status), response.Body.Close())
	}
	return response.Body, nil
}
