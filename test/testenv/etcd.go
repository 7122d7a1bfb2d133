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

// Stored hands over every version of every object that is in etcd: those of now, and older ones that are
// not compacted yet. Keys are like /registry/secrets/NAMESPACE/NAME. It reads etcd itself, by its JSON gateway.
func (p *ControlPlane) Stored(ctx context.Context, each func(key string, value []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var now struct {
		Header struct {
			Revision int64 `json:",string"`
		}
		Kvs []pair
	}
	all := map[string]any{"key": []byte{0}, "range_end": []byte{0}}
	if err := p.etcd(ctx, "kv/range", all, &now); err != nil {
		return err
	}
	for _, kv := range now.Kvs {
		each(string(kv.Key), kv.Value)
	}
	return p.storedBefore(ctx, now.Header.Revision, 1, each)
}

type pair struct {
	Key, Value  []byte
	ModRevision int64 `json:"mod_revision,string"`
}

// watched is a message of etcd's watch.
type watched struct {
	Result struct {
		Canceled        bool
		CompactRevision int64 `json:"compact_revision,string"`
		Events          []struct{ Kv pair }
	}
	Error *struct{ Message string }
}

// storedBefore reads the versions that were written from one revision to another.
func (p *ControlPlane) storedBefore(ctx context.Context, last, first int64, each func(string, []byte)) error {
	answer, err := p.askEtcd(ctx, "watch", map[string]any{"create_request": map[string]any{
		"key": []byte{0}, "range_end": []byte{0}, "start_revision": first,
	}})
	if err != nil {
		return err
	}
	defer answer.Close()
	for messages := json.NewDecoder(answer); ; {
		var message watched
		if err := messages.Decode(&message); err != nil {
			return fmt.Errorf("read etcd's watch: %w", err)
		}
		switch {
		case message.Error != nil:
			return errors.New("etcd: " + message.Error.Message)
		case message.Result.CompactRevision > first:
			return p.storedBefore(ctx, last, message.Result.CompactRevision, each)
		case message.Result.Canceled:
			return errors.New("etcd ended the watch")
		}
		for _, event := range message.Result.Events {
			each(string(event.Kv.Key), event.Kv.Value)
			if event.Kv.ModRevision >= last {
				return nil
			}
		}
	}
}

func (p *ControlPlane) etcd(ctx context.Context, what string, request, answer any) error {
	body, err := p.askEtcd(ctx, what, request)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return fmt.Errorf("read etcd's answer: %w", err)
	}
	return nil
}

func (p *ControlPlane) askEtcd(ctx context.Context, what string, request any) (io.ReadCloser, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write a request to etcd: %w", err)
	}
	url := p.environment.ControlPlane.Etcd.URL.String() + "/v3/" + what
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request to etcd: %w", err)
	}
	answer, err := http.DefaultClient.Do(post)
	if err != nil {
		return nil, fmt.Errorf("ask etcd: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(errors.New("etcd answers "+answer.Status), answer.Body.Close())
	}
	return answer.Body, nil
}
