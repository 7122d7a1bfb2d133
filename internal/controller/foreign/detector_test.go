package foreign

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

// writtenBy returns a mapping whose status a field manager wrote at a time.
func writtenBy(manager string, seconds int64) *v1alpha1.AgentGroupMapping {
	at := metav1.Unix(seconds, 0)
	return &v1alpha1.AgentGroupMapping{ObjectMeta: metav1.ObjectMeta{
		Namespace: "support", Name: "asha", UID: "1",
		ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: "deepcall-operator", Operation: metav1.ManagedFieldsOperationUpdate, Time: &at, FieldsV1: &metav1.FieldsV1{}}, // its finalizer
			{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: "status", Time: &at, FieldsV1: &metav1.FieldsV1{}},
		},
	}}
}

// apiServer is an API server that makes status writes at a time, or fails them.
type apiServer struct {
	client.Client
	t   *testing.T
	now int64
	err error
}

func (s *apiServer) Status() client.SubResourceWriter { return statusWriter{apiServer: s} }

type statusWriter struct {
	client.SubResourceWriter
	*apiServer
}

func (s statusWriter) Update(_ context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	s.t.Helper()
	if len(obj.GetManagedFields()) > 0 {
		s.t.Error("the write contains managedFields")
	}
	options := (&client.SubResourceUpdateOptions{}).ApplyOptions(opts)
	if s.err == nil {
		obj.SetManagedFields(writtenBy(options.FieldManager, s.now).ManagedFields)
	}
	return s.err
}

func TestDetector(t *testing.T) {
	var reported int
	d := New(time.Minute, func(client.Object) { reported++ })
	server := &apiServer{t: t, now: 100}
	own := d.Client(server).Status()
	expect := func(when string, want int) {
		t.Helper()
		if reported != want {
			t.Errorf("%s: %d writes are reported, want %d", when, reported, want)
		}
		reported = 0
	}
	observe := func(before, after int64) { d.onUpdate(writtenBy(fieldManager, before), writtenBy(fieldManager, after)) }

	observe(0, 1000)
	observe(1000, 2000)
	observe(2000, 3000)
	expect("this process is a standby", 0)
	if err := own.Update(t.Context(), writtenBy(fieldManager, 90)); err != nil {
		t.Fatal(err)
	}
	observe(90, 100)
	observe(100, 130)
	observe(130, 160)
	expect("a minute after the first own write", 0)
	observe(160, 161)
	observe(161, 162)
	expect("after that", 1)
	d.onUpdate(writtenBy("kubectl-edit", 162), writtenBy("kubectl-edit", 170))
	expect("a user edits the status", 0)

	server.err = apierrors.NewConflict(schema.GroupResource{}, "asha", errors.New("changed"))
	_ = own.Update(t.Context(), writtenBy(fieldManager, 162))
	observe(162, 180)
	expect("an own write conflicts", 1)
	server.err = errors.New("no answer")
	_ = own.Update(t.Context(), writtenBy(fieldManager, 180))
	observe(180, 190)
	expect("an own write gets no answer", 0)

	recreated := writtenBy(fieldManager, 200)
	recreated.UID = "2"
	d.onUpdate(writtenBy(fieldManager, 190), recreated)
	expect("the mapping is recreated", 0)
	observe(200, 210)
	expect("its history is dropped", 0)
	d.onDelete(toolscache.DeletedFinalStateUnknown{Obj: writtenBy(fieldManager, 210)})
	if len(d.histories) != 0 {
		t.Errorf("of deleted mappings it keeps %v", d.histories)
	}
}

func TestStrip_keeps_the_times_of_status_writes(t *testing.T) {
	stripped := writtenBy(fieldManager, 100)
	Strip(stripped)
	at := metav1.Unix(100, 0)
	want := []metav1.ManagedFieldsEntry{{Manager: fieldManager, Subresource: "status", Time: &at}}
	if !equality.Semantic.DeepEqual(stripped.ManagedFields, want) || writtenAt(stripped) != 100 {
		t.Errorf("it keeps %v", stripped.ManagedFields)
	}
	others := writtenBy("kubectl-edit", 100)
	if Strip(others); others.ManagedFields != nil || writtenAt(others) != 0 {
		t.Errorf("of others it keeps %v", others.ManagedFields)
	}
}
