package agent

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/enqueue"
	"github.com/deepcall/deepcall-operator/internal/controller/tenancy"
)

// Indexes of the mappings in the cache.
const (
	agentIndex   = "agent"
	accountIndex = "account"
)

// IndexMappings adds the indexes of mappings to the cache.
func IndexMappings(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.AgentGroupMapping{}, agentIndex, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.AgentGroupMapping).AgentKey().String()}
	})
	if err != nil {
		return err
	}
	return indexer.IndexField(ctx, &v1alpha1.AgentGroupMapping{}, accountIndex, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.AgentGroupMapping).AccountKey().String()}
	})
}

// SetupWithManager adds the controller of agents to the manager. queue is a source of keys beside the watches; wrap decorates r.
func (r *Reconciler) SetupWithManager(
	mgr ctrl.Manager, workers int, queue source.TypedSource[v1alpha1.AgentKey],
	wrap func(reconcile.TypedReconciler[v1alpha1.AgentKey]) reconcile.TypedReconciler[v1alpha1.AgentKey],
) error {
	b := builder.TypedControllerManagedBy[v1alpha1.AgentKey](mgr).
		Named("agent").
		Watches(&v1alpha1.AgentGroupMapping{}, newMappingHandler()).
		WatchesRawSource(queue)
	if r.Tenancy.WatchesLabels() {
		b.WatchesMetadata(tenancy.NamespaceMetadata(), handler.TypedEnqueueRequestsFromMapFunc(r.agentsOfNamespace),
			builder.WithPredicates(predicate.Or(predicate.LabelChangedPredicate{}, deletionBegins)))
	}
	return b.
		WithOptions(controller.TypedOptions[v1alpha1.AgentKey]{
			MaxConcurrentReconciles: workers,
			RateLimiter:             enqueue.RateLimiter[v1alpha1.AgentKey](),
		}).
		Complete(wrap(r))
}

// mappingHandler enqueues the agents of mappings.
type mappingHandler struct {
	handler.TypedEventHandler[client.Object, v1alpha1.AgentKey]
}

func newMappingHandler() mappingHandler {
	return mappingHandler{handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []v1alpha1.AgentKey {
		return []v1alpha1.AgentKey{obj.(*v1alpha1.AgentGroupMapping).AgentKey()}
	})}
}

// Create enqueues the agent. controller-runtime enqueues all agents with low priority at a start. Those that were edited
// without a leader must not wait for the others.
func (h mappingHandler) Create(ctx context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[v1alpha1.AgentKey]) {
	if isUnobserved(e.Object.(*v1alpha1.AgentGroupMapping)) {
		e.IsInInitialList = false
	}
	h.TypedEventHandler.Create(ctx, e, queue)
}

// isUnobserved reports whether the mapping's status does not describe its last edit or deletion.
func isUnobserved(mapping *v1alpha1.AgentGroupMapping) bool {
	return mapping.Status.ObservedGeneration != mapping.Generation || mapping.DeletionTimestamp != nil
}

// Observe records that a watch has delivered a version of a mapping.
func (r *Reconciler) Observe(mapping *v1alpha1.AgentGroupMapping) {
	r.freshness.observe(mapping)
}

// deletionBegins selects the update that sets the deletion timestamp.
var deletionBegins = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetDeletionTimestamp() == nil && e.ObjectNew.GetDeletionTimestamp() != nil
}}

// agentsOfNamespace returns the agents of a namespace whose account is in another one, which can select namespaces by label, or
// all agents if the namespace is being deleted.
func (r *Reconciler) agentsOfNamespace(ctx context.Context, namespace client.Object) []v1alpha1.AgentKey {
	var list v1alpha1.AgentGroupMappingList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace.GetName()), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to list the mappings of a namespace")
		return nil
	}
	var keys []v1alpha1.AgentKey
	for i := range list.Items {
		key := list.Items[i].AgentKey()
		if key.Account.Namespace != namespace.GetName() || namespace.GetDeletionTimestamp() != nil {
			keys = append(keys, key)
			r.EnqueueAccount(key.Account) // its status contains the number of permitted mappings
		}
	}
	return keys
}
