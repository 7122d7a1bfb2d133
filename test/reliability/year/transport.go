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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// apiLatency is the latency of API requests and watch events.
const apiLatency = 3 * time.Millisecond

// transport connects one client to an apiServer.
type transport struct {
	server *apiServer
	// onWrite is called after each successful write, with a description such as "update
	// agentgroupmappings/status". It can be nil.
	onWrite func(description string)
}

// requestInfo identifies the object or collection of a request.
type requestInfo struct {
	kind        *kind
	key         types.NamespacedName
	subresource string
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := sleep(request.Context().Done(), apiLatency); err != nil {
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
	info, err := parsePath(request.URL.Path)
	switch {
	case err != nil:
		return errorResponse(request, err), nil
	case request.Method == http.MethodGet && request.URL.Query().Get("watch") != "":
		return t.watch(request, info)
	case request.Method == http.MethodGet:
		return t.read(request, info)
	}
	written, err := t.write(request, info, body)
	if err != nil {
		return errorResponse(request, err), nil
	}
	if t.onWrite != nil {
		t.onWrite(describeWrite(request.Method, info))
	}
	return jsonResponse(request, http.StatusOK, written), nil
}

// parsePath parses paths such as /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE.
func parsePath(path string) (requestInfo, error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	group := ""
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = parts[1], parts[3:]
	default:
		return requestInfo{}, apierrors.NewBadRequest("unknown path: " + path)
	}
	var info requestInfo
	if len(parts) > 2 && parts[0] == "namespaces" {
		info.key.Namespace, parts = parts[1], parts[2:]
	}
	for _, k := range kinds {
		if k.group == group && k.resource == parts[0] {
			info.kind = k
		}
	}
	if info.kind == nil {
		return requestInfo{}, apierrors.NewBadRequest("unknown resource: " + path)
	}
	if len(parts) > 1 {
		info.key.Name = parts[1]
	}
	if len(parts) > 2 {
		info.subresource = parts[2]
	}
	return info, nil
}

func (t *transport) read(request *http.Request, info requestInfo) (*http.Response, error) {
	metadataOnly := wantsMetadata(request)
	if info.key.Name != "" {
		found, err := t.server.get(info.kind, info.key)
		if err != nil {
			return errorResponse(request, err), nil
		}
		return jsonResponse(request, http.StatusOK, render(found, metadataOnly)), nil
	}
	selector, err := fields.ParseSelector(request.URL.Query().Get("fieldSelector"))
	if err != nil || request.URL.Query().Get("labelSelector") != "" {
		return errorResponse(request, apierrors.NewBadRequest("unsupported selector")), nil //nolint:nilerr // the response carries the error
	}
	items, version := t.server.list(info.kind, info.key.Namespace)
	items = slices.DeleteFunc(items, func(o object) bool {
		return !selector.Matches(selectableFields(o))
	})
	list := object{
		"apiVersion": info.kind.apiVersion(), "kind": info.kind.name + "List",
		"metadata": object{"resourceVersion": strconv.FormatInt(version, 10)},
	}
	if metadataOnly {
		list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	rendered := make([]any, len(items))
	for i, item := range items {
		rendered[i] = render(item, metadataOnly)
	}
	list["items"] = rendered
	return jsonResponse(request, http.StatusOK, list), nil
}

// selectableFields returns the fields of an object that a field selector can match: those of every kind and of the CRD.
func selectableFields(o object) fields.Set {
	key := keyOf(o)
	set := fields.Set{"metadata.name": key.Name, "metadata.namespace": key.Namespace}
	for _, path := range [][]string{{"spec", "agentID"}, {"spec", "accountRef", "name"}} {
		set[strings.Join(path, ".")], _, _ = unstructured.NestedString(o, path...)
	}
	return set
}

func (t *transport) write(request *http.Request, info requestInfo, body []byte) (object, error) {
	var sent object
	if len(body) > 0 {
		if err := utiljson.Unmarshal(body, &sent); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	statusOnly := info.subresource == "status"
	switch request.Method {
	case http.MethodPost:
		return t.server.create(info.kind, sent)
	case http.MethodPut:
		return t.server.update(info.kind, info.key, sent, statusOnly)
	case http.MethodPatch:
		if request.Header.Get("Content-Type") != string(types.MergePatchType) {
			return nil, apierrors.NewBadRequest("only merge patches are supported")
		}
		return t.server.patch(info.kind, info.key, sent, statusOnly)
	case http.MethodDelete:
		return t.server.delete(info.kind, info.key)
	}
	return nil, apierrors.NewMethodNotSupported(info.kind.groupResource(), request.Method)
}

func describeWrite(method string, info requestInfo) string {
	verb := map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[method]
	description := verb + " " + info.kind.resource
	if info.subresource != "" {
		description += "/" + info.subresource
	}
	return description
}

// wantsMetadata reports whether the client requests PartialObjectMetadata.
func wantsMetadata(request *http.Request) bool {
	return strings.Contains(request.Header.Get("Accept"), "as=PartialObjectMetadata")
}

// render returns the representation of an object that the client requests.
func render(o object, metadataOnly bool) object {
	if !metadataOnly {
		return o
	}
	return object{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": o["metadata"]}
}

func jsonResponse(request *http.Request, code int, body any) *http.Response {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("encode a stored object: %v", err))
	}
	return newResponse(request, code, io.NopCloser(bytes.NewReader(raw)))
}

func newResponse(request *http.Request, code int, body io.ReadCloser) *http.Response {
	return &http.Response{
		StatusCode: code, Status: strconv.Itoa(code) + " " + http.StatusText(code),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ContentLength: -1, Request: request,
	}
}

func errorResponse(request *http.Request, err error) *http.Response {
	status := apierrors.NewInternalError(err).Status()
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		status = known.Status()
	}
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return jsonResponse(request, int(status.Code), status)
}

var errDone = errors.New("done before the time has passed")

// sleep waits for d, or returns an error when done is closed.
func sleep(done <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-done:
		return errDone
	}
}
