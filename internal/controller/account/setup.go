package account

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller/enqueue"
)

const (
	// referenceIndex finds accounts in the cache by the objects that they reference.
	referenceIndex = "reference"
	// workers is how many accounts are reconciled at the same time.
	workers = 4
)

// The kinds of objects that accounts reference.
const (
	secretKind    = string(v1alpha1.CABundleKindSecret)
	configMapKind = string(v1alpha1.CABundleKindConfigMap)
)

// IndexAccounts adds the index of accounts to the cache.
func IndexAccounts(ctx context.Context, indexer client.FieldIndexer) error {
	return indexer.IndexField(ctx, &v1alpha1.DeepCallAccount{}, referenceIndex, func(obj client.Object) []string {
		return references(obj.(*v1alpha1.DeepCallAccount))
	})
}

// references returns the keys of an account in the index.
func references(account *v1alpha1.DeepCallAccount) []string {
	keys := []string{reference(secretKind, account.SecretKey())}
	if ref := account.Spec.CABundleRef; ref.Name != "" {
		keys = append(keys, reference(string(ref.Kind), account.CABundleKey()))
	}
	return keys
}

// reference identifies an object that an account references.
func reference(kind string, name types.NamespacedName) string {
	return kind + "/" + name.String()
}

// SetupWithManager adds the controller of accounts to the manager. queue is a source of keys beside the watches; wrap decorates r.
func (r *Reconciler) SetupWithManager(
	mgr ctrl.Manager, queue source.Source, wrap func(reconcile.Reconciler) reconcile.Reconciler,
) error {
	c, err := ctrl.NewControllerManagedBy(mgr).
		Named("account").
		For(&v1alpha1.DeepCallAccount{}).
		WatchesMetadata(MetadataOf(secretKind), r.enqueueReferencing(secretKind)).
		WatchesRawSource(queue).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: enqueue.RateLimiter[reconcile.Request]()}).
		Build(wrap(r))
	if err != nil {
		return err
	}
	r.configMaps.watch = func(ctx context.Context) error {
		configMaps := source.Kind[client.Object](mgr.GetCache(), MetadataOf(configMapKind), r.enqueueReferencing(configMapKind))
		if err := c.Watch(configMaps); err != nil {
			return err
		}
		return configMaps.WaitForSync(ctx)
	}
	return nil
}

// MetadataOf returns an empty object that stands for the metadata of a core kind.
func MetadataOf(kind string) *metav1.PartialObjectMetadata {
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return metadata
}

// enqueueReferencing returns a handler that enqueues the accounts that reference a changed object of the kind.
func (r *Reconciler) enqueueReferencing(kind string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		var list v1alpha1.DeepCallAccountList
		changed := client.MatchingFields{referenceIndex: reference(kind, client.ObjectKeyFromObject(obj))}
		if err := r.Client.List(ctx, &list, changed); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Failed to list the accounts that reference an object", "kind", kind)
			return nil
		}
		requests := make([]reconcile.Request, 0, len(list.Items))
		for i := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
		return requests
	})
}
