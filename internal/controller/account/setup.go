package account

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// secretIndex finds accounts by their Secret in the cache.
	secretIndex = "secret"
	// workers is how many accounts are reconciled at the same time.
	workers = 4
)

// IndexAccounts adds the index of accounts to the cache.
func IndexAccounts(ctx context.Context, indexer client.FieldIndexer) error {
	return indexer.IndexField(ctx, &v1alpha1.DeepCallAccount{}, secretIndex, func(obj client.Object) []string {
		return []string{obj.(*v1alpha1.DeepCallAccount).SecretKey().String()}
	})
}

// SetupWithManager adds the controller of accounts to the manager. queue is a source of keys beside the watches; wrap decorates r.
func (r *Reconciler) SetupWithManager(
	mgr ctrl.Manager, queue source.Source, wrap func(reconcile.Reconciler) reconcile.Reconciler,
) error {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return ctrl.NewControllerManagedBy(mgr).
		Named("account").
		For(&v1alpha1.DeepCallAccount{}).
		WatchesMetadata(secret, handler.EnqueueRequestsFromMapFunc(r.accountsOfSecret)).
		WatchesRawSource(queue).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: enqueue.RateLimiter[reconcile.Request]()}).
		Complete(wrap(r))
}

func (r *Reconciler) accountsOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	var list v1alpha1.DeepCallAccountList
	if err := r.Client.List(ctx, &list, client.MatchingFields{secretIndex: client.ObjectKeyFromObject(secret).String()}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to list the accounts of a Secret")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}
