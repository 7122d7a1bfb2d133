package year

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// apiLatency is how long the API server takes for a request, and a watch to tell of a change.
const apiLatency = 3 * time.Millisecond

// door is a way to kube, for an http.Client. Each user has one of their own.
type door struct {
	kube *kube
	// wrote is told of each write that was made, such as "update agentgroupmappings/status"; nil for nobody.
	wrote func(what string)
}

// target is what a request is about.
type target struct {
	kind        *kind
	key         types.NamespacedName
	subresource string
}

// RoundTrip answers a request.
func (d *door) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := pause(request.Context().Done(), apiLatency); err != nil {
		return nil, errors.Join(err, request.Context().Err())
	}
	var body []byte
	if request.Body != nil {
		var err error
		body, err = io.ReadAll(request.Body)
		request.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	t, err := parse(request.URL.Path)
	switch {
	case err != nil:
		return failed(request, err), nil
	case request.Method == http.MethodGet && request.URL.Query().Get("watch") != "":
		return d.watch(request, t)
	case request.Method == http.MethodGet:
		return d.read(request, t)
	}
	written, err := d.write(request, t, body)
	if err != nil {
		return failed(request, err), nil
	}
	if d.wrote != nil {
		d.wrote(described(request.Method, t))
	}
	return answer(request, http.StatusOK, written), nil
}

// parse reads paths such as /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE.
func parse(path string) (target, error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	group := ""
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = parts[1], parts[3:]
	default:
		return target{}, apierrors.NewBadRequest("no such path: " + path)
	}
	var t target
	if len(parts) > 2 && parts[0] == "namespaces" {
		t.key.Namespace, parts = parts[1], parts[2:]
	}
	for _, each := range kinds {
		if each.group == group && each.resource == parts[0] {
			t.kind = each
		}
	}
	if t.kind == nil {
		return target{}, apierrors.NewBadRequest("no such resource: " + path)
	}
	if len(parts) > 1 {
		t.key.Name = parts[1]
	}
	if len(parts) > 2 {
		t.subresource = parts[2]
	}
	return t, nil
}

func (d *door) read(request *http.Request, t target) (*http.Response, error) {
	metadataOnly := wantsMetadata(request)
	if t.key.Name != "" {
		found, err := d.kube.get(t.kind, t.key)
		if err != nil {
			return failed(request, err), nil
		}
		return answer(request, http.StatusOK, seen(found, metadataOnly)), nil
	}
	selector, err := fields.ParseSelector(request.URL.Query().Get("fieldSelector"))
	if err != nil || request.URL.Query().Get("labelSelector") != "" {
		return failed(request, apierrors.NewBadRequest("a selector that is not known here")), nil //nolint:nilerr // the answer tells it
	}
	items, version := d.kube.list(t.kind, t.key.Namespace)
	items = slices.DeleteFunc(items, func(o object) bool {
		key := keyOf(o)
		return !selector.Matches(fields.Set{"metadata.name": key.Name, "metadata.namespace": key.Namespace})
	})
	list := object{
		"apiVersion": t.kind.apiVersion(), "kind": t.kind.name + "List",
		"metadata": object{"resourceVersion": strconv.FormatInt(version, 10)},
	}
	if metadataOnly {
		list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	shown := make([]any, len(items))
	for i, item := range items {
		shown[i] = seen(item, metadataOnly)
	}
	list["items"] = shown
	return answer(request, http.StatusOK, list), nil
}

func (d *door) write(request *http.Request, t target, body []byte) (object, error) {
	var sent object
	if len(body) > 0 {
		if err := utiljson.Unmarshal(body, &sent); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	statusOnly := t.subresource == "status"
	switch request.Method {
	case http.MethodPost:
		return d.kube.create(t.kind, sent)
	case http.MethodPut:
		return d.kube.update(t.kind, t.key, sent, statusOnly)
	case http.MethodPatch:
		if request.Header.Get("Content-Type") != string(types.MergePatchType) {
			return nil, apierrors.NewBadRequest("only merge patches are known")
		}
		return d.kube.patch(t.kind, t.key, sent, statusOnly)
	case http.MethodDelete:
		return d.kube.delete(t.kind, t.key)
	}
	return nil, apierrors.NewMethodNotSupported(t.kind.groupResource(), request.Method)
}

func described(method string, t target) string {
	verb := map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[method]
	what := verb + " " + t.kind.resource
	if t.subresource != "" {
		what += "/" + t.subresource
	}
	return what
}

// wantsMetadata is true for a client that wants no more than the metadata.
func wantsMetadata(request *http.Request) bool {
	return strings.Contains(request.Header.Get("Accept"), "as=PartialObjectMetadata")
}

// seen is an object as the client wants it.
func seen(o object, metadataOnly bool) object {
	if !metadataOnly {
		return o
	}
	return object{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": o["metadata"]}
}

func answer(request *http.Request, code int, body any) *http.Response {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("what is stored can't be written as JSON: %v", err))
	}
	return respond(request, code, io.NopCloser(bytes.NewReader(raw)))
}

func respond(request *http.Request, code int, body io.ReadCloser) *http.Response {
	return &http.Response{
		StatusCode: code, Status: strconv.Itoa(code) + " " + http.StatusText(code),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ContentLength: -1, Request: request,
	}
}

func failed(request *http.Request, err error) *http.Response {
	status := apierrors.NewInternalError(err).Status()
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		status = known.Status()
	}
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return answer(request, int(status.Code), status)
}

var errGone = errors.New("the client left")

// pause lets time pass, unless the client leaves.
func pause(gone <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-gone:
		return errGone
	}
}
