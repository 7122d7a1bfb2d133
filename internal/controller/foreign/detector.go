// Package foreign finds status writes of another operator: one that works on the same objects at the same time, for example
// because it is installed in another namespace and has a lease of its own. Nothing but these writes shows it.
package foreign

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
)

const (
	// fieldManager is that of the status writes of all operators. A user's kubectl has another one.
	fieldManager = "deepcall-operator"
	// Grace is the time after this process's first write within which other operators' writes are not reported. During a rollout
	// that changes the lease, the former Pods still work.
	Grace = time.Minute

	// never is later than all writes.
	never = math.MaxInt64

	statusSubresource = "status"
)

// Detector distinguishes this process's status writes from those of another operator. It judges by the times that the API server
// records in managedFields, and only once this process has written, which only a leader does.
type Detector struct {
	grace  time.Duration
	report func(client.Object)

	mu sync.Mutex
	// from is when judging begins, by the clock of the API server.
	from      int64
	histories map[types.UID]history
}

// New returns a Detector that calls report for each status write of another operator: for those of an object from the second one
// on, later than grace after the first own write.
func New(grace time.Duration, report func(client.Object)) *Detector {
	return &Detector{grace: grace, report: report, from: never, histories: map[types.UID]history{}}
}

// SetupWithManager lets the manager's watches deliver the changes of both kinds.
func (d *Detector) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	for _, kind := range []client.Object{&v1alpha1.AgentGroupMapping{}, &v1alpha1.DeepCallAccount{}} {
		informer, err := mgr.GetCache().GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("get the informer of %T: %w", kind, err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{UpdateFunc: d.onUpdate, DeleteFunc: d.onDelete}); err != nil {
			return fmt.Errorf("watch %T: %w", kind, err)
		}
	}
	return nil
}

func (d *Detector) onUpdate(oldObj, newObj any) {
	before, after := oldObj.(client.Object), newObj.(client.Object)
	if before.GetUID() != after.GetUID() {
		d.onDelete(before)
		return
	}
	d.update(after, func(h history) (history, bool) { return h.observe(writtenAt(before), writtenAt(after), d.from) })
}

func (d *Detector) onDelete(obj any) {
	if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	if object, ok := obj.(client.Object); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.histories, object.GetUID())
	}
}

// update changes the history of an object. If change returns true, it reports a write of another operator.
func (d *Detector) update(obj client.Object, change func(history) (history, bool)) {
	d.mu.Lock()
	before := d.histories[obj.GetUID()]
	after, isForeign := change(before)
	if after != before {
		d.histories[obj.GetUID()] = after
	}
	d.mu.Unlock()
	if isForeign {
		d.report(obj)
	}
}

// Client returns a client that records its own status writes. It sends them without managedFields, since Strip removes a part of
// these from the cached objects.
func (d *Detector) Client(c client.Client) client.Client {
	return recordingClient{Client: c, detector: d}
}

type recordingClient struct {
	client.Client
	detector *Detector
}

func (c recordingClient) Status() client.SubResourceWriter {
	return recordingWriter{SubResourceWriter: c.Client.Status(), detector: c.detector}
}

type recordingWriter struct {
	client.SubResourceWriter
	detector *Detector
}

func (w recordingWriter) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	obj.SetManagedFields(nil)
	w.detector.begin(obj)
	err := w.SubResourceWriter.Update(ctx, obj, append(opts, client.FieldOwner(fieldManager))...)
	w.detector.end(obj, err)
	return err
}

func (d *Detector) begin(obj client.Object) {
	d.update(obj, func(h history) (history, bool) { return h.begin(), false })
}

func (d *Detector) end(obj client.Object, err error) {
	d.update(obj, func(h history) (history, bool) {
		switch {
		case err == nil:
			own := writtenAt(obj)
			if d.from == never && own != 0 {
				d.from = own + int64(d.grace/time.Second)
			}
			return h.end(written, own, d.from)
		case apierrors.IsConflict(err):
			return h.end(notWritten, 0, d.from)
		default:
			return h.end(unknown, 0, d.from)
		}
	})
}

// Strip removes all managedFields but the times of operators' status writes, so that a cached object keeps only these.
func Strip(obj client.Object) {
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range obj.GetManagedFields() {
		if isStatusWrite(entry) {
			kept = append(kept, metav1.ManagedFieldsEntry{Manager: fieldManager, Subresource: statusSubresource, Time: entry.Time})
		}
	}
	obj.SetManagedFields(kept)
}

// writtenAt returns when an operator last changed the status of an object, in seconds since 1970; zero if none has.
func writtenAt(obj client.Object) int64 {
	var at int64
	for _, entry := range obj.GetManagedFields() {
		if isStatusWrite(entry) {
			at = max(at, entry.Time.Unix())
		}
	}
	return at
}

func isStatusWrite(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == fieldManager && entry.Subresource == statusSubresource && entry.Time != nil
}
