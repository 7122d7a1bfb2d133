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

// watch answers with a stream of changes, for as long as the client asked.
func (d *door) watch(request *http.Request, t target) (*http.Response, error) {
	query := request.URL.Query()
	if query.Get("fieldSelector")+query.Get("labelSelector") != "" {
		return failed(request, apierrors.NewBadRequest("a watch with a selector is not known here")), nil
	}
	seconds, err := strconv.Atoi(query.Get("timeoutSeconds"))
	if err != nil {
		return failed(request, apierrors.NewBadRequest("a watch without an end")), nil //nolint:nilerr // the answer tells it
	}
	closed := make(chan struct{})
	s := &stream{
		kube: d.kube, target: t, metadataOnly: wantsMetadata(request),
		closed: closed, gone: request.Context().Done(),
		lasts: time.Duration(seconds) * time.Second,
	}
	switch version := query.Get("resourceVersion"); {
	case query.Get("sendInitialEvents") == "true", version == "", version == "0":
		s.fresh = true
	default:
		if s.version, err = strconv.ParseInt(version, 10, 64); err != nil {
			return failed(request, apierrors.NewBadRequest(err.Error())), nil
		}
		if !d.kube.remembers(s.version) {
			return failed(request, apierrors.NewResourceExpired("too old resource version")), nil
		}
	}
	var out *io.PipeReader
	out, s.in = io.Pipe()
	go s.run()
	end := sync.OnceFunc(func() {
		close(closed)
		s.in.Close()
	})
	return respond(request, http.StatusOK, &ending{PipeReader: out, end: end}), nil
}

// remembers is true when all changes since a version are still known.
func (k *kube) remembers(version int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.changes) == 0 || version >= k.changes[0].version-1
}

// since returns the changes after a version, the newest version, and what is closed by the next change.
// Not ok means that they are no longer all known.
func (k *kube) since(version int64) (changes []change, newest int64, news <-chan struct{}, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.changes) > 0 && version < k.changes[0].version-1 {
		return nil, 0, nil, false
	}
	first := len(k.changes)
	for first > 0 && k.changes[first-1].version > version {
		first--
	}
	return append([]change(nil), k.changes[first:]...), k.version, k.news, true
}

// ending is a body that ends when it is closed. Were reading it an error then, client-go would make an
// event of that, and the filter that apimachinery puts around a watch of metadata would stay behind
// with it for ever, which no bubble forgives.
type ending struct {
	*io.PipeReader
	end func()
}

func (e *ending) Close() error {
	e.end()
	return nil
}

// stream is one watch.
type stream struct {
	kube         *kube
	target       target
	metadataOnly bool
	fresh        bool // begins with what there is
	version      int64
	lasts        time.Duration
	in           *io.PipeWriter
	closed, gone <-chan struct{}
}

func (s *stream) run() {
	defer s.in.Close()
	end := time.NewTimer(s.lasts)
	defer end.Stop()
	if s.fresh && !s.begin() {
		return
	}
	for {
		changes, newest, news, ok := s.kube.since(s.version)
		if !ok {
			s.tell("ERROR", apierrors.NewResourceExpired("too old resource version").Status())
			return
		}
		for _, c := range changes {
			if !s.concerns(c) {
				continue
			}
			if pause(s.closed, apiLatency) != nil || !s.tell(c.what, seen(c.object, s.metadataOnly)) {
				return
			}
		}
		s.version = newest
		select {
		case <-news:
		case <-s.closed:
			return
		case <-s.gone:
			return
		case <-end.C:
			s.bookmark(nil) // so that the next watch need not begin with a list
			return
		}
	}
}

// begin tells what there is, and then that this was it.
func (s *stream) begin() bool {
	items, version := s.kube.list(s.target.kind, s.target.key.Namespace)
	for _, item := range items {
		if !s.tell("ADDED", seen(item, s.metadataOnly)) {
			return false
		}
	}
	s.version = version
	return s.bookmark(object{metav1.InitialEventsAnnotationKey: "true"})
}

func (s *stream) concerns(c change) bool {
	namespace := s.target.key.Namespace
	return c.kind == s.target.kind && (namespace == "" || keyOf(c.object).Namespace == namespace)
}

func (s *stream) bookmark(annotations object) bool {
	metadata := object{"resourceVersion": strconv.FormatInt(s.version, 10)}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	mark := object{"apiVersion": s.target.kind.apiVersion(), "kind": s.target.kind.name, "metadata": metadata}
	return s.tell("BOOKMARK", seen(mark, s.metadataOnly))
}

func (s *stream) tell(what string, o any) bool {
	raw, err := json.Marshal(object{"type": what, "object": o})
	if err == nil {
		_, err = s.in.Write(append(raw, '\n'))
	}
	return err == nil
}
