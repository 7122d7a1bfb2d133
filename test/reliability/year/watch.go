package year

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// watch responds with a stream of events that ends after the client's timeout.
func (t *transport) watch(request *http.Request, info requestInfo) (*http.Response, error) {
	query := request.URL.Query()
	if query.Get("fieldSelector")+query.Get("labelSelector") != "" {
		return errorResponse(request, apierrors.NewBadRequest("watches with a selector are not supported")), nil
	}
	seconds, err := strconv.Atoi(query.Get("timeoutSeconds"))
	if err != nil {
		return errorResponse(request, apierrors.NewBadRequest("a watch needs a timeout")), nil //nolint:nilerr // the response carries the error
	}
	closed := make(chan struct{})
	w := &watchStream{
		server: t.server, info: info, metadataOnly: wantsMetadata(request),
		closed: closed, disconnected: request.Context().Done(),
		timeout: time.Duration(seconds) * time.Second,
	}
	switch version := query.Get("resourceVersion"); {
	case query.Get("sendInitialEvents") == "true", version == "", version == "0":
		w.sendInitial = true
	default:
		if w.version, err = strconv.ParseInt(version, 10, 64); err != nil {
			return errorResponse(request, apierrors.NewBadRequest(err.Error())), nil
		}
		if _, _, _, ok := t.server.eventsSince(w.version); !ok {
			return errorResponse(request, apierrors.NewResourceExpired("too old resource version")), nil
		}
	}
	var out *io.PipeReader
	out, w.in = io.Pipe()
	go w.run()
	stop := sync.OnceFunc(func() {
		close(closed)
		w.in.Close()
	})
	return newResponse(request, http.StatusOK, &watchBody{PipeReader: out, stop: stop}), nil
}

// eventsSince returns the events after a resource version, the newest version, and a channel that the next
// change closes. It returns false if some of the events have been dropped.
func (s *apiServer) eventsSince(version int64) (events []watchEvent, newest int64, changed <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) > 0 && version < s.events[0].version-1 {
		return nil, 0, nil, false
	}
	first := len(s.events)
	for first > 0 && s.events[first-1].version > version {
		first--
	}
	return append([]watchEvent(nil), s.events[first:]...), s.version, s.changed, true
}

// watchBody is a response body that returns io.EOF, not an error, after it was closed. client-go would turn
// an error into a watch event, and the filter that apimachinery puts around a metadata watch would block on
// that event forever. A bubble doesn't allow leaked goroutines.
type watchBody struct {
	*io.PipeReader
	stop func()
}

func (b *watchBody) Close() error {
	b.stop()
	return nil
}

// watchStream writes the events of one watch.
type watchStream struct {
	server               *apiServer
	info                 requestInfo
	metadataOnly         bool
	sendInitial          bool // start with the existing objects
	version              int64
	timeout              time.Duration
	in                   *io.PipeWriter
	closed, disconnected <-chan struct{}
}

func (w *watchStream) run() {
	defer w.in.Close()
	timeout := time.NewTimer(w.timeout)
	defer timeout.Stop()
	if w.sendInitial && !w.sendExisting() {
		return
	}
	for {
		events, newest, changed, ok := w.server.eventsSince(w.version)
		if !ok {
			w.send("ERROR", apierrors.NewResourceExpired("too old resource version").Status())
			return
		}
		for _, e := range events {
			if !w.matches(e) {
				continue
			}
			if sleep(w.closed, apiLatency) != nil || !w.send(e.eventType, render(e.object, w.metadataOnly)) {
				return
			}
		}
		w.version = newest
		select {
		case <-changed:
		case <-w.closed:
			return
		case <-w.disconnected:
			return
		case <-timeout.C:
			w.sendBookmark(nil) // so that the next watch doesn't need a list
			return
		}
	}
}

// sendExisting sends the existing objects and the bookmark that ends them.
func (w *watchStream) sendExisting() bool {
	items, version := w.server.list(w.info.kind, w.info.key.Namespace)
	for _, item := range items {
		if !w.send("ADDED", render(item, w.metadataOnly)) {
			return false
		}
	}
	w.version = version
	return w.sendBookmark(object{metav1.InitialEventsAnnotationKey: "true"})
}

func (w *watchStream) matches(e watchEvent) bool {
	namespace := w.info.key.Namespace
	return e.kind == w.info.kind && (namespace == "" || keyOf(e.object).Namespace == namespace)
}

func (w *watchStream) sendBookmark(annotations object) bool {
	metadata := object{"resourceVersion": strconv.FormatInt(w.version, 10)}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	bookmark := object{"apiVersion": w.info.kind.apiVersion(), "kind": w.info.kind.name, "metadata": metadata}
	return w.send("BOOKMARK", render(bookmark, w.metadataOnly))
}

func (w *watchStream) send(eventType string, o any) bool {
	raw, err := json.Marshal(object{"type": eventType, "object": o})
	if err == nil {
		_, err = w.in.Write(append(raw, '\n'))
	}
	return err == nil
}
