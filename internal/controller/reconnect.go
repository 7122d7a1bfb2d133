package controller

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// reconnectInterval is the delay between two attempts to connect to the API server.
const reconnectInterval = time.Second

// NewInformer returns an informer that connects again within seconds after an outage of the API server. By itself, client-go
// waits for up to a minute then, and a standby that becomes the leader would not see edits for that long.
func NewInformer(
	lw toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	next := toolscache.ToListerWatcherWithContext(lw)
	return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return untilConnected(ctx, func() (runtime.Object, error) { return next.ListWithContext(ctx, options) })
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return untilConnected(ctx, func() (watch.Interface, error) { return next.WatchWithContext(ctx, options) })
		},
	}, obj, resync, indexers)
}

// untilConnected repeats a request until the API server answers, or ctx ends.
func untilConnected[T any](ctx context.Context, send func() (T, error)) (result T, err error) {
	_ = wait.PollUntilContextCancel(ctx, reconnectInterval, true, func(context.Context) (bool, error) {
		result, err = send()
		return err == nil || isAnswer(err), nil
	})
	return result, err
}

// isAnswer reports whether an error is an answer of the API server.
func isAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}
